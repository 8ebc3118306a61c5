"""Who things belong to. Until keys exist there is one owner, so that every row already has one."""

ANONYMOUS = "anonymous"
