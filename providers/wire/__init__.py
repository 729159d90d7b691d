"""Requests and answers as services write them, shared by several plugins; and clients that tell what is certain."""
