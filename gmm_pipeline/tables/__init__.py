"""Where rows come from: files, folders and tables in memory."""
