"""Where rows come from: files, folders, globs, and tables in memory."""
