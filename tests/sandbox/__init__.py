"""LiveChat and Marketo on loopback, with their real limits and habits, and a crowd of visitors.

crowd/          who visits and what they say: pure, seeded
livechat/       the account they chat with
marketo/        the instance that is to learn of them
process         a server in a process of its own
environment     both together, and the settings that lead there
report          what the two saw, for a person
__main__        `python -m tests.sandbox -- COMMAND`
"""
