"""The reliability suite: `make test-faults`. Everything is killed, nothing may be lost or doubled."""
