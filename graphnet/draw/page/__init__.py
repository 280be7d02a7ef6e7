"""The page: one self-contained HTML file that steps through a pass.

`steps` says what happens in which order, with which numbers; `sentences` puts it into words. `scene` brings the steps to
the boxes of a picture, and `layout` finds places for them, as large as `cards` says. `arrays` bounds what the page carries of
an array. `formulas`, `units`, `runs` and `scenery` make plain data of rules, the unit view, passes and boxes, `data`
gathers them, and `html` writes the file. The style and the scripts in ``assets`` show these data; they compute nothing.
"""
