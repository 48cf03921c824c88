"""
How what a source holds becomes the columns of the contract; shared by the sources, which do not know each other.

    columns   which columns a stream lands with, and where each stands in the source
    shaping   values cast and judged as a set; a value that cannot be read sets its row aside and names the column
    formats   CSV, JSON lines and Parquet files in pieces
    queries   the SQL that settings may say, checked before it runs
"""
