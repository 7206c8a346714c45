"""Pulls of course progress: which rows a client gets, page by page, so that nothing is lost and nothing leaks."""
