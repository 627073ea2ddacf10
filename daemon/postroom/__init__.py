"""Postroom: a daemon that turns mail into requests and looks after them until they are closed."""
