import test from 'ava';
import { ManualClock } from '../manual-clock.ts';
import { RateMeter } from '../../node/rate-meter.ts';

test('a steady rate is told as it is', (t) => {
  const clock = new ManualClock();
  const meter = new RateMeter(clock);
  for (let second = 1; second <= 20; second++) {
    clock.advance(1_000);
    meter.sample(second * 40);
  }
  t.is(meter.perSecond(800), 40);
});

test('what is older than the window no longer counts', (t) => {
  const clock = new ManualClock();
  const meter = new RateMeter(clock);
  meter.sample(1_000);
  for (let second = 0; second < 6; second++) {
    clock.advance(1_000);
    meter.sample(1_000);
  }
  t.is(meter.perSecond(1_000), 0);
});

test('the first connections after the start do not look like thousands per second', (t) => {
  const clock = new ManualClock();
  const meter = new RateMeter(clock);
  clock.advance(1);
  t.is(meter.perSecond(3), 3);
});

test('events between two samples count at once', (t) => {
  const clock = new ManualClock();
  const meter = new RateMeter(clock, 5_000, 100);
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    meter.sample(100);
  }
  t.is(meter.perSecond(150), 10);
});
