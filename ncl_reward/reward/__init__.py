"""Rules as a potential that shapes a reward."""
