"""System 2: the progress of every user in every course, for each company."""
