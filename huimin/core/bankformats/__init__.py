"""Bank payroll and return files. A bank's format is one file in this folder that defines FORMAT.

layout says what is exchanged and what a format must do; framed builds the usual ones from a container (text,
workbook) and frames, through payroll and returns; registry finds the formats; reasons explains what banks say,
encodings knows which characters a bank can take, simulator answers like a bank in demos and tests.
"""
