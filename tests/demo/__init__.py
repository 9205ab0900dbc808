"""`python -m tests.demo`: the main job, end to end, with nothing to configure.

Starts LiveChat and Marketo on loopback, has `marketo-ops setup --apply` make what Marketo lacks,
runs `meltano run livechat-to-marketo` in a Meltano project of its own (your `.env`, bookmarks and
stores are not touched) twice, and once more with all of LiveChat read again, mails the digest of
errors to a mailbox on loopback, looks for itself at what Marketo and the mailbox hold afterwards,
and says so. Exit code 0 only if every check held.
"""
