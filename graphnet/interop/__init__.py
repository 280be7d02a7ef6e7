"""Rules and networks of other libraries. Each of these is imported when something of it is given, never before."""
