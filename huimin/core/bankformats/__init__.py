"""Bank payroll and return files. A bank's format is one file in this folder that defines FORMAT.

layout describes a format, registry finds them, payroll and returns read and write them, reasons explains what
banks say, encodings knows which characters a bank can take, simulator answers like a bank in demos and tests.
"""
