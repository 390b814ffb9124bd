"""The back office's pages: they translate between forms and the domain, and make one call."""
