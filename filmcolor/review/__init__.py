"""The table to work at: a page on this machine that shows a film's shots and takes what is said.

Reading order: `session` (what belongs together), `table` (the film and its shots), `ways` (how one
plan colours it), `painter` (its pictures), `region`, `project` and `journal` (what was said, as
files), `changes`, `render`, `worker` (what is done meanwhile), `board`, then `guard`, `answers`
and `server` (the page's requests). The page itself lies in `page/`.
"""
