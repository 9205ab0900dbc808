"""What goes wrong, done on purpose, and what is left of the data afterwards.

    kinds.py       what is written, and what is counted of it
    matrix.py      the faults, as data
    people.py      the input, and what Marketo must hold in the end
    launch.py      starts a real command with short times, time stamps and, at a named point, a kill
    scheduler.py   runs a command from its last STATE until it is done, and keeps the evidence
    invariants.py  looks for violations in the evidence: A to M, pure
    attached.py    rounds with a list, a status and an object beside each person, and their J
    timelines.py   rounds with a custom activity for each record, and their K
    others.py      what somebody else does to Marketo while a run is on
    days.py        rounds at the reset of the day
    every_kind.py  the faults of people's writes, for what goes with each record
    rounds.py      one round: a Marketo, an input, a fault, a verdict
    kills.py       rounds in which the process, or its disk, is what fails
    instances.py   rounds of two instances in one store
    pairs.py       rounds of tap | target, in which LiveChat fails
    __main__.py    the command line and its table

The invariants; I the input, D what Marketo holds, Q the error log:

    A  nothing is lost: in the end, every record is in D or in Q
    B  STATE is never ahead: when it is written, all records before it are in D or in Q
    C  no phantom, no corruption: what Marketo was sent is what the records say
    D  repeats are bounded: no more rows are written twice than were in flight when a run broke off
    E  each person ends as the last of their records, and the first of their places, say
    F  nobody is in two calls at once, and nobody is created twice
    G  the limits hold, across restarts too
    H  the exit code agrees with the summary line
    I  no secret, no e-mail and no name in any log
    J  what belongs to people is there, once, with the right ones, before its STATE, and not back
    K  the activity of each record is there once, on the right person and date, before its STATE
    L  what somebody else filled in meanwhile is not overwritten
    M  no process holds more than 120 MB
"""
