"""`marketo-ops`: what went wrong, what to do, and one e-mail a day.

command.py       the command line: the table of its commands, and how it ends on a mistake
command_line/    the commands' options; each imports what it needs when it runs
console.py       tables for people, tab-separated lines for pipes, JSON for programs
activities.py    activities that only a person can settle, or that others wrote
usage.py         calls used, and runs
init/            asks for the settings, tries each, writes .env
check/           is everything set up? What the tap and the mapping need is asked and compared here
setup/           what the mapping needs and Marketo lacks: a plan, and making it
mapping_report/  every mapped field compared with Marketo's describe
explain/         what would be written of a person, and why
status/          one verdict on the job, and the dead-man switch that hears of it
digest/          the daily mail: report.py gathers, render.py and ../templates/ write it, mail.py
                 sends it, ping.py tells the mail's own dead-man switch
errors_log/      the error log, read: entries, kinds of errors, replay, forgetting a person
project/         the settings as the target reads them; Meltano's project and its runs
"""
