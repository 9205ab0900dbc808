"""Small faults, put into the code one at a time: a test that bites notices each.

    mutants.py    what can be changed in a module: pure, source in, changed sources out
    rooms.py      which modules are tried, by which tests
    trial.py      runs tests in a copy of the process, in which one module is another
    __main__.py   tries them, and tells how many were noticed

README.md has the figures, and why each survivor may live.
"""
