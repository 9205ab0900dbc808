"""LiveChat on loopback: Agent Chat, Configuration, Customer Data Platform and OAuth tokens.

options         what can be switched, with the defaults and where they come from
clock           the sandbox's own time, which a test can advance
parameters      what each method accepts, as types that are checked on decoding
errors          the API's error types, their HTTP statuses and messages, in one table
access          tokens, scopes, and which groups' chats a token may see
store           the crowd as of a moment: threads, chats and customers
wire            a thread, a customer, an event as JSON of one API version
paging          page ids, and what lies behind them
agent_chat, configuration, reports, cdp, accounts   the methods
journal         what was asked and answered, what is billed
server          routes and everything that comes before a method
client          the server's face for tests
"""
