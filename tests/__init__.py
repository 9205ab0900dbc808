"""Whatever is run or imported from here stays on this machine; see `guard`."""

from tests.guard import keep_on_loopback

keep_on_loopback()
