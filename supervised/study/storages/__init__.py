"""Where the trials of a study are kept.

    sqlite:///FILE       one worker
    FILE (a journal)     several processes of one machine: one JSON line an operation, appended under a lock
    postgresql://...     several machines; workers send heartbeats, and a trial whose heart stopped is retried
    mysql://...          the same

A killed process leaves each of them usable: SQLite and the servers roll back, the lock of a journal ends with the
process that held it, and a line that was cut short is dropped before the next one is written.
"""
