"""One file a task: what a case is, which actions are right and what is seen."""
