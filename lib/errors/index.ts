/** The error class, its catalogue and how an error is told to people. Knows no other room. */
export { HeadgateError, isHeadgateError, type HeadgateErrorOptions } from './headgate-error.ts';
export { describeError, errnoCode } from './describe.ts';
export { catalogue, type ErrorCode, type CatalogueEntry } from './catalogue/index.ts';
