import { HeadgateError } from '../lib/errors/index.ts';
import { formatProblem, type Problem } from './problem.ts';

/** One error for any number of problems: the first one, how many more, and how to see all. */
export function invalidTopology(problems: readonly Problem[], path: string, intro = ''): HeadgateError {
  const [first] = problems;
  const more = problems.length - 1;
  const tail = more > 0 ? ` (and ${more} more ${more === 1 ? 'problem' : 'problems'})` : '';
  const message = `${intro}${first === undefined ? path : formatProblem(first)}${tail}`;
  const cure = `run headgate topology check ${path} to see all of them`;
  const options = first?.code === 'HEADGATE_TOPOLOGY_UNREADABLE' ? {} : { cure };
  return new HeadgateError('HEADGATE_TOPOLOGY_INVALID', message, { ...options, facts: { problems } });
}
