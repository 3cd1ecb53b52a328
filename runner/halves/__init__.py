"""A shard in two halves: built on a hosted machine, gone on with on its target's own."""
