"""Tables that people upload and download: guard > reader on the way in, writer and template on the way out."""
