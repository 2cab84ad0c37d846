"""campaign.db: a row for each batch, named values and events, in SQLite; exact after a kill at any moment.

May import the files of fuzz/ itself and reports, which read_campaign() gives a Campaign; findings do not know it.

To read: store.py, a file as it is read and as it is written; reading.py opens one without writing to it and refuses
what is damaged in one line; named_values.py says what the values look like, possible.py what the numbers of a batch can
be; resuming.py and merging.py compare campaigns; explored.py reads what `explore` left, for the certificate.
"""
