"""The operations store: what must outlive a run, or be shared by several.

database.py     one engine, its safety rules and its write transactions (SQLite file or PostgreSQL)
advice.py       what to do about its errors
filesystem.py   is a path on a disk of this host?
clock.py        the time that all processes on one store agree on
instances.py    the name of an instance
columns.py      columns that a later version adds
leases.py       rows that hold a place until a stated time, and one document per instance
error_log.py    records that were not written, whole
run_ledger.py   one row per run: when, how it ended, what it counted
cache.py        answers that hold for a while

Nothing here knows what a lease is for.
"""
