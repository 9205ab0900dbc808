"""The operations store: what must outlive a run, or be shared by several.

database.py         the write transactions of one database, and their safety rules
engines.py          how SQLite and PostgreSQL are opened and locked
place.py            where the store is
errors.py           StoreError
advice.py           what to do about an error
filesystem.py       is a path on a disk of this host?
clock.py            the time that all processes on one store agree on
columns.py          columns that a later version adds
leases.py           rows that hold a place until a stated time, and one document per instance
cache.py            answers that hold for a while
error_log.py        records that were not written, whole
activity_ledger.py  what became of each custom activity
run_ledger.py       one row per run: when, how it ended, what it counted
seen.py             what runs saw of their streams: properties and counts
hash_key.py         the key of the hashes that stand for people
rekey.py            another such key, for all that is hashed

Nothing here knows what a lease is for.
"""
