import { HeadgateError } from '../lib/errors/index.ts';
import { formatProblem, type Problem } from './problem.ts';

/** One error for any number of problems: the first one, how many more, and how to see all. */
export function invalidTopology(problems: readonly Problem[], path: string): HeadgateError {
  const [first] = problems;
  // Of a file that cannot be read there is nothing more to see.
  const isRead = first?.code !== 'HEADGATE_TOPOLOGY_UNREADABLE';
  if (first?.code.startsWith('HEADGATE_ETCD_') === true) {
    // The message is a whole sentence with its cure.
    return new HeadgateError('HEADGATE_TOPOLOGY_INVALID', `${path}: ${first.message}`, {
      cure: '',
      facts: { problems },
    });
  }
  const cure = isRead
    ? `run headgate topology check ${path} to see all of them`
    : 'check the path and who may read it';
  return new HeadgateError('HEADGATE_TOPOLOGY_INVALID', summary(problems, path), {
    cure,
    facts: { problems },
  });
}

/** Same, for a file that an edit would have made invalid. */
export function refusedEdit(problems: readonly Problem[], path: string): HeadgateError {
  const message = `the change would make the topology invalid: ${summary(problems, path)}`;
  const cure = 'nothing was changed; give what was expected, or edit the file by hand';
  return new HeadgateError('HEADGATE_TOPOLOGY_INVALID', message, { cure, facts: { problems } });
}

function summary(problems: readonly Problem[], path: string): string {
  const [first] = problems;
  const more = problems.length - 1;
  const tail = more > 0 ? ` (and ${more} more ${more === 1 ? 'problem' : 'problems'})` : '';
  return `${first === undefined ? path : formatProblem(first)}${tail}`;
}
