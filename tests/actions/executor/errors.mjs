// The two ways a run can go wrong: as it would at GitHub, or because this executor cannot imitate what is asked.

/** GitHub would refuse this too: the step, the job or the run fails with this text. */
export class GitHubError extends Error {}

/** The workflow asks for something that is not imitated, or the caller for something impossible: the program stops. */
export class UnsupportedError extends Error {}
