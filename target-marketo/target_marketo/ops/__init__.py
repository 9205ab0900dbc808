"""`marketo-ops`: what went wrong, what to do, and one e-mail a day.

command.py         the command line; each command imports what it needs when it runs
configuration.py   the settings, read as the target reads them
console.py         tables for people, JSON for programs
entries.py         the error log, read: entries, and kinds of errors
explain.py         codes in words, and the shape of a record without its values
check.py           is everything set up?  livechat.py and mapped_fields.py ask and compare for it
replay.py          rejected records as Singer messages
purge.py           forgetting a person
usage.py           calls used, and runs
digest.py          the daily mail: report.py gathers, render.py and templates/ write it,
                   mail.py sends it, ping.py tells the dead-man switch
meltano.py         Meltano's project: its settings and its runs
"""
