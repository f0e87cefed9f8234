"""The only room that knows SQL: tables, migrations, and every read and write of them."""
