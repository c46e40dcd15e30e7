"""This state of the code beside another: is it slower?"""
