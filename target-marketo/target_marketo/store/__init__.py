"""The operations store: what must outlive a run, or be shared by several.

database.py     one engine, its safety rules and its write transactions (SQLite file or PostgreSQL)
filesystem.py   is a path on a disk of this host?
clock.py        the time that all processes on one store agree on
leases.py       rows that hold a place until a stated time, and one document per instance
memory.py       the same leases inside one process

Nothing here knows what a lease is for.
"""
