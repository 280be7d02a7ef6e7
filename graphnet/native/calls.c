/* A list of NumPy calls, made into instructions once and run as one call.

A call of a ufunc, as np.tanh(z, a), ends in an inner loop that NumPy has compiled for these dtypes, often with SIMD. What comes
before it (finding the loop, the order of the axes, what overlaps) is the same in each run of a program, and takes longer than
the loop where arrays are small. Here it is done once: an instruction is a loop, where its operands lie, and their steps. The
results are the same bits, since it is the same loop on the same memory.

An instruction is made from the function and the arrays themselves. It is made only if all is as expected: plain arrays of
numbers, aligned, in the machine's byte order, of dtypes that the ufunc has a loop for, and no operand overlaps the output unless
it is the output. Whatever else is in the list stays a call of Python, made between the others. */
#include "native.h"
#include <fenv.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

enum { OPERANDS = 3, AXES = 8 };

/* From how much work on, in entries, other threads may run meanwhile: to get the interpreter back from them may take
   milliseconds. And from how many bytes on a result is handed out as it is, and not copied. */
enum { LONG = 1 << 16, LARGE = 1 << 10 };

/* Up to how many entries a reduction is an instruction: NumPy may cut longer ones into pieces, which rounds otherwise. */
enum { SHORT = 1 << 12 };

typedef struct {
    npy_intp size, steps[OPERANDS];
} Axis;

/* The memory of an operand, and how many entries it has. */
typedef struct {
    char *low, *high;
    npy_intp entries;
} Span;

typedef struct {
    PyUFuncGenericFunction loop; /* NULL: a call of Python */
    void *data;
    const char *name;             /* for warnings, as NumPy's; NULL: of none */
    PyObject *call;               /* (function, arguments) */
    char *at[OPERANDS];           /* where each operand begins; the last one is the output */
    npy_intp sizes[4];            /* how often the loop runs, and sizes within: of a product m, n, p */
    npy_intp steps[OPERANDS + 6]; /* bytes from one to the next of each operand, and within */
    Axis *outer;                  /* further axes, the outermost first */
    int count, outers;            /* of operands, of further axes */
    double ahead;                 /* work until the next call of Python */
    Span spans[OPERANDS];         /* the memory of each operand */
} Instruction;

/* A feed, a result that is handed out, or another that is read. Where all that uses it are instructions, it may lie elsewhere
   in each run. */
enum { FEED, GRADIENT, OUTPUT };

typedef struct {
    PyArrayObject *array; /* the program's own */
    PyObject *name;
    Span span;
    char *at;   /* where its values are now */
    int use;    /* the first of its uses, -1 for none */
    int kind, moves, taken; /* taken: somebody else's from now on */
} Place;

/* An operand of an instruction that lies in a place. */
typedef struct {
    int instruction, operand, next;
    npy_intp offset;
} Use;

typedef struct {
    PyObject_HEAD
    PyObject *calls, *results, *native, *read_in_place, *handed_out;
    Instruction *instructions;
    Place *places; /* the feeds, then the results, then the others */
    Use *uses;
    int size, feeds, kept, running; /* kept: feeds and results */
    int count;                      /* of all places */
} Calls;

/* Functions of NumPy that are known here. */
static PyObject *copyto, *matmul, *add, *maximum, *minimum;
static PyCFunction dot, reduce;
static PyTypeObject *partial;
static int dot_reports; /* older releases of NumPy don't look at what floating-point numbers came to in dot */

/* ---- Loops of our own: they move numbers, and compute none ---- */

#define COPY(type)                                                                                      \
    static void copy_##type(char **at, const npy_intp *sizes, const npy_intp *steps, void *data)        \
    {                                                                                                   \
        char *from = at[0], *to = at[1];                                                                \
        (void)data;                                                                                     \
        if (steps[0] == sizeof(type) && steps[1] == sizeof(type))                                       \
            memmove(to, from, (size_t)sizes[0] * sizeof(type));                                         \
        else                                                                                            \
            for (npy_intp i = 0; i < sizes[0]; i++, from += steps[0], to += steps[1])                   \
                *(type *)to = *(type *)from;                                                            \
    }                                                                                                   \
    static void copy_where_##type(char **at, const npy_intp *sizes, const npy_intp *steps, void *data)  \
    {                                                                                                   \
        char *from = at[0], *mask = at[1], *to = at[2];                                                 \
        (void)data;                                                                                     \
        for (npy_intp i = 0; i < sizes[0]; i++, from += steps[0], mask += steps[1], to += steps[2]) {   \
            type is = *(type *)to, other = *(type *)from; /* chosen without a jump */                   \
            *(type *)to = *mask ? other : is;                                                           \
        }                                                                                               \
    }

COPY(npy_uint8)
COPY(npy_uint32)
COPY(npy_uint64)

#define FROM_BOOL(type)                                                                               \
    static void type##_from_bool(char **at, const npy_intp *sizes, const npy_intp *steps, void *data)   \
    {                                                                                                   \
        char *from = at[0], *to = at[1];                                                                \
        (void)data;                                                                                     \
        for (npy_intp i = 0; i < sizes[0]; i++, from += steps[0], to += steps[1])                       \
            *(type *)to = (type)(*from != 0);                                                           \
    }

FROM_BOOL(npy_float)
FROM_BOOL(npy_double)

static PyUFuncGenericFunction copying(npy_intp bytes, int where)
{
    switch (bytes) {
    case 1: return where ? copy_where_npy_uint8 : copy_npy_uint8;
    case 4: return where ? copy_where_npy_uint32 : copy_npy_uint32;
    case 8: return where ? copy_where_npy_uint64 : copy_npy_uint64;
    default: return NULL;
    }
}

/* ---- What an operand must be ---- */

static int is_plain(PyObject *object)
{
    PyArrayObject *array = (PyArrayObject *)object;
    return PyArray_CheckExact(object) && PyArray_ISALIGNED(array) && PyArray_ISNOTSWAPPED(array) &&
           PyArray_TYPE(array) <= NPY_DOUBLE && PyArray_NDIM(array) <= AXES;
}

/* Find `count` plain arrays at the start of a tuple, the last writeable; the tuple may hold more. */
static int find_arrays(PyObject *tuple, Py_ssize_t count, PyArrayObject **arrays)
{
    if (PyTuple_Size(tuple) < count)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyTuple_GetItem(tuple, i);
        if (!is_plain(item))
            return 0;
        arrays[i] = (PyArrayObject *)item;
    }
    return 1;
}

static Span span_of(PyArrayObject *array)
{
    Span span = {PyArray_BYTES(array), PyArray_BYTES(array), PyArray_SIZE(array)};
    for (int axis = 0; span.entries && axis < PyArray_NDIM(array); axis++) {
        npy_intp reach = (PyArray_DIM(array, axis) - 1) * PyArray_STRIDE(array, axis);
        *(reach < 0 ? &span.low : &span.high) += reach;
    }
    span.high += span.entries ? PyArray_ITEMSIZE(array) : 0;
    return span;
}

static int overlap(Span a, Span b)
{
    return a.low < b.high && b.low < a.high;
}

static int is_same(PyArrayObject *a, PyArrayObject *b)
{
    int same = PyArray_BYTES(a) == PyArray_BYTES(b) && PyArray_ITEMSIZE(a) == PyArray_ITEMSIZE(b) && PyArray_SAMESHAPE(a, b);
    for (int axis = 0; same && axis < PyArray_NDIM(a); axis++)
        same = PyArray_DIM(a, axis) == 1 || PyArray_STRIDE(a, axis) == PyArray_STRIDE(b, axis);
    return same;
}

/* Whether the last array may be written while the others are read: none overlaps it, or, if that is allowed, all of it. */
static int may_write(int count, PyArrayObject **arrays, int over_itself)
{
    PyArrayObject *out = arrays[count - 1];
    if (!PyArray_ISWRITEABLE(out))
        return 0;
    for (int axis = 0; axis < PyArray_NDIM(out); axis++)
        if (PyArray_SIZE(out) && PyArray_DIM(out, axis) > 1 && PyArray_STRIDE(out, axis) == 0)
            return 0;
    for (int i = 0; i < count - 1; i++)
        if (overlap(span_of(arrays[i]), span_of(out)) && !(over_itself && is_same(arrays[i], out)))
            return 0;
    return 1;
}

/* ---- Making an instruction: 1 if it is made or there is nothing to do, 0 if not, -1 and an exception if memory is lacking ---- */

/* Write the axes of a loop that all operands share, from those of the output: 0 where an operand is stretched. */
static int stretch(PyArrayObject *array, int cores, int operand, Axis *axes, int count)
{
    int missing = count - (PyArray_NDIM(array) - cores);
    if (missing < 0)
        return 0;
    for (int i = 0; i < count; i++) {
        npy_intp size = i < missing ? 1 : PyArray_DIM(array, i - missing);
        if (size != axes[i].size && size != 1)
            return 0;
        axes[i].steps[operand] = size == 1 ? 0 : PyArray_STRIDE(array, i - missing);
    }
    return 1;
}

/* Whether of two axes the outer one should be further inside: 1 if so, -1 if not, 0 if no operand tells. Where operands differ,
   the order stays. */
static int goes_inwards(const Axis *outer, const Axis *inner, int operands)
{
    int told = 0;
    for (int k = 0; k < operands; k++) {
        npy_intp far = llabs(outer->steps[k]), near = llabs(inner->steps[k]);
        if (far && near && near <= far)
            return -1;
        told |= far && near;
    }
    return told;
}

/* Order axes as NumPy's iterator does: none of size 1, no steps that all go back, short steps inside, and as few as can be. */
static int in_order(Axis *axes, int count, Instruction *it)
{
    int kept = 0, n = it->count;
    for (int i = 0; i < count; i++) {
        Axis axis = axes[i];
        int forward = 0, back = 0;
        if (axis.size == 1)
            continue;
        for (int k = 0; k < n; k++)
            forward |= axis.steps[k] > 0, back |= axis.steps[k] < 0;
        for (int k = 0; back && !forward && k < n; k++) {
            it->at[k] += (axis.size - 1) * axis.steps[k];
            axis.steps[k] = -axis.steps[k];
        }
        axes[kept++] = axis;
    }
    for (int i = kept - 2; i >= 0; i--) { /* from the inside out, each axis goes inwards as far as it should */
        int to = i;
        for (int j = i + 1; j < kept; j++) {
            int told = goes_inwards(&axes[i], &axes[j], n);
            if (told < 0)
                break;
            to = told ? j : to;
        }
        Axis axis = axes[i];
        memmove(&axes[i], &axes[i + 1], (size_t)(to - i) * sizeof(Axis));
        axes[to] = axis;
    }
    for (int i = kept - 1; i > 0; i--) { /* an axis that goes on where the next one ends is one with it */
        int joined = 1;
        for (int k = 0; k < n; k++)
            joined &= axes[i - 1].steps[k] == axes[i].steps[k] * axes[i].size;
        if (!joined)
            continue;
        axes[i].size *= axes[i - 1].size;
        memmove(&axes[i - 1], &axes[i], (size_t)(kept - i) * sizeof(Axis));
        kept--;
    }
    return kept;
}

/* Add an instruction of which all but its axes is known, and the memory of its operands. */
static int add_instruction(Calls *self, Instruction *it, Axis *axes, int count, const Span *spans)
{
    for (int i = 0; i < count; i++)
        if (axes[i].size == 0)
            return 1;
    count = in_order(axes, count, it);
    it->sizes[0] = count ? axes[count - 1].size : 1;
    for (int k = 0; k < it->count; k++)
        it->steps[k] = count ? axes[count - 1].steps[k] : 0;
    it->outers = count > 1 ? count - 1 : 0;
    if (it->outers) {
        it->outer = PyMem_Malloc((size_t)it->outers * sizeof(Axis));
        if (!it->outer)
            return PyErr_NoMemory(), -1;
        memcpy(it->outer, axes, (size_t)it->outers * sizeof(Axis));
    }
    for (int i = 0; i < count; i++)
        it->ahead *= (double)axes[i].size;
    if (it->count)
        memcpy(it->spans, spans, (size_t)it->count * sizeof(Span));
    self->instructions[self->size++] = *it;
    return 1;
}

/* Add the loop of an operation that goes through all operands together, but for their last axes, which it knows itself. */
static int add_loop(Calls *self, Instruction *it, PyArrayObject **arrays, const int *cores)
{
    PyArrayObject *out = arrays[it->count - 1];
    int count = PyArray_NDIM(out) - cores[it->count - 1];
    Axis axes[AXES];
    Span spans[OPERANDS];
    it->ahead = it->ahead ? it->ahead : 1;
    for (int i = 0; i < count; i++)
        axes[i].size = PyArray_DIM(out, i);
    for (int k = 0; k < it->count; k++) {
        if (!stretch(arrays[k], cores[k], k, axes, count))
            return 0;
        it->at[k] = PyArray_BYTES(arrays[k]);
        spans[k] = span_of(arrays[k]);
    }
    return add_instruction(self, it, axes, count, spans);
}

static const int NO_CORES[OPERANDS] = {0};

/* Find the loop of a ufunc for the dtypes of arrays, exactly; of integers none, since such loops may raise errors of Python. */
static int find_loop(PyUFuncObject *ufunc, int count, PyArrayObject **arrays, Instruction *it)
{
    if (ufunc->nout != 1 || ufunc->nargs != count)
        return 0;
    for (int k = 0; k < count; k++)
        if (PyArray_TYPE(arrays[k]) != NPY_BOOL && PyArray_TYPE(arrays[k]) < NPY_FLOAT)
            return 0;
    for (int i = 0; i < ufunc->ntypes; i++) {
        const char *types = ufunc->types + i * count;
        int fits = 1;
        for (int k = 0; k < count; k++)
            fits &= types[k] == PyArray_TYPE(arrays[k]);
        if (fits) {
            it->loop = ufunc->functions[i], it->data = ufunc->data ? ufunc->data[i] : NULL;
            it->name = ufunc->name, it->count = count;
            return it->loop != NULL;
        }
    }
    return 0;
}

static int make_elementwise(Calls *self, PyUFuncObject *ufunc, int count, PyArrayObject **arrays)
{
    Instruction it = {0};
    int fits = !ufunc->core_enabled && find_loop(ufunc, count, arrays, &it) && may_write(count, arrays, 1);
    return fits ? add_loop(self, &it, arrays, NO_CORES) : 0;
}

/* x @ y for arrays of at least one axis; `name` is that of the function which is called. */
static int make_product(Calls *self, const char *name, PyArrayObject **arrays)
{
    Instruction it = {0};
    PyArrayObject *x = arrays[0], *y = arrays[1], *out = arrays[2];
    int rows = PyArray_NDIM(x) > 1, columns = PyArray_NDIM(y) > 1, X = PyArray_NDIM(x) - 1, Y = PyArray_NDIM(y) - 1;
    int cores[OPERANDS] = {rows + 1, columns + 1, rows + columns}, O = PyArray_NDIM(out) - cores[2];
    if (X < 0 || Y < 0 || O < 0 || !find_loop((PyUFuncObject *)matmul, 3, arrays, &it) || !may_write(3, arrays, 0))
        return 0;
    npy_intp m = rows ? PyArray_DIM(x, X - 1) : 1, n = PyArray_DIM(x, X), p = columns ? PyArray_DIM(y, Y) : 1;
    if (PyArray_DIM(y, Y - columns) != n || (rows && PyArray_DIM(out, O) != m) || (columns && PyArray_DIM(out, O + rows) != p))
        return 0;
    if (m == 0 || p == 0)
        return 1;
    npy_intp within[] = {rows ? PyArray_STRIDE(x, X - 1) : 0,     PyArray_STRIDE(x, X),
                         PyArray_STRIDE(y, Y - columns),          columns ? PyArray_STRIDE(y, Y) : 0,
                         rows ? PyArray_STRIDE(out, O) : 0,       columns ? PyArray_STRIDE(out, O + rows) : 0};
    memcpy(it.steps + 3, within, sizeof within);
    it.name = name, it.sizes[1] = m, it.sizes[2] = n, it.sizes[3] = p, it.ahead = (double)m * n * p / 8;
    return add_loop(self, &it, arrays, cores);
}

/* x.dot(y, out): where its own way to BLAS is that of matmul's loop. */
static int make_dot(Calls *self, PyArrayObject **arrays)
{
    for (int i = 0; i < 3; i++)
        if (PyArray_TYPE(arrays[i]) < NPY_FLOAT || PyArray_NDIM(arrays[i]) > 2 ||
            !(PyArray_IS_C_CONTIGUOUS(arrays[i]) || (i < 2 && PyArray_IS_F_CONTIGUOUS(arrays[i]))))
            return 0;
    int one = PyArray_SIZE(arrays[0]) == 1 && PyArray_SIZE(arrays[1]) == 1; /* dot multiplies, and gives another sign to 0 */
    int dims = PyArray_NDIM(arrays[0]) + PyArray_NDIM(arrays[1]) - 2;
    int itself = PyArray_BYTES(arrays[0]) == PyArray_BYTES(arrays[1]) && dims; /* a routine of its own, which warns of more */
    int outer = dims == 2 && PyArray_DIM(arrays[0], 1) == 1; /* matmul's loop does without BLAS then */
    return one || itself || outer || PyArray_NDIM(arrays[2]) != dims ? 0 : make_product(self, dot_reports ? "dot" : NULL, arrays);
}

/* np.copyto(out, x) or np.copyto(out, x, "same_kind", mask), of one dtype, or of a mask. */
static int make_copy(Calls *self, PyObject *arguments)
{
    PyArrayObject *two[2], *arrays[OPERANDS];
    int where = PyTuple_Size(arguments) == 4;
    PyObject *mask = where ? PyTuple_GetItem(arguments, 3) : NULL;
    if (!(where || PyTuple_Size(arguments) == 2) || !find_arrays(arguments, 2, two) ||
        (where && !(is_plain(mask) && PyArray_TYPE((PyArrayObject *)mask) == NPY_BOOL)))
        return 0;
    int to = PyArray_TYPE(two[0]), from = PyArray_TYPE(two[1]);
    Instruction it = {.loop = copying(PyArray_ITEMSIZE(two[0]), where), .name = "copyto", .count = 2 + where};
    if (from != to) /* of all casts, that of a mask to numbers is the usual one */
        it.loop = from != NPY_BOOL || where  ? NULL
                  : to == NPY_DOUBLE         ? npy_double_from_bool
                  : to == NPY_FLOAT          ? npy_float_from_bool
                                             : NULL;
    arrays[0] = two[1], arrays[1] = (PyArrayObject *)mask, arrays[it.count - 1] = two[0];
    return it.loop && may_write(it.count, arrays, 0) ? add_loop(self, &it, arrays, NO_CORES) : 0;
}

/* ufunc.reduce(x, axis, None, out, keepdims) of add, maximum and minimum. */
static int make_reduction(Calls *self, PyObject *ufunc, PyObject *arguments)
{
    static const double zero = 0;
    PyArrayObject *x, *out, *arrays[OPERANDS];
    Instruction it = {0}, first = {.count = 2, .name = "reduce", .ahead = 1};
    if (PyTuple_Size(arguments) != 5 || (ufunc != add && ufunc != maximum && ufunc != minimum) ||
        !find_arrays(arguments, 1, &x) || !is_plain(PyTuple_GetItem(arguments, 3)) || PyTuple_GetItem(arguments, 2) != Py_None)
        return 0;
    out = (PyArrayObject *)PyTuple_GetItem(arguments, 3);
    arrays[0] = arrays[2] = out, arrays[1] = x;
    PyObject *axis = PyTuple_GetItem(arguments, 1);
    int keeps = PyTuple_GetItem(arguments, 4) == Py_True, all = axis == Py_None;
    int count = PyArray_NDIM(x), reduced[AXES] = {0}, next = 0;
    PyObject *axes = all ? PyTuple_New(0) : PyTuple_Check(axis) ? Py_NewRef(axis) : PyTuple_Pack(1, axis);
    for (Py_ssize_t i = 0; axes && i < PyTuple_Size(axes); i++) {
        long a = PyLong_AsLong(PyTuple_GetItem(axes, i));
        if (a < -count || a >= count || PyErr_Occurred())
            next = -1;
        else
            reduced[a < 0 ? a + count : a] = 1;
    }
    PyErr_Clear();
    Py_XDECREF(axes);
    if (!axes || next < 0 || PyArray_TYPE(x) < NPY_FLOAT || PyArray_SIZE(x) == 0 || PyArray_SIZE(x) > SHORT ||
        !PyArray_IS_C_CONTIGUOUS(x) || !PyArray_IS_C_CONTIGUOUS(out) || !may_write(2, arrays + 1, 0) ||
        !find_loop((PyUFuncObject *)ufunc, 3, arrays, &it))
        return 0;
    Axis every[AXES], one[AXES];
    int runs = 0, before = 0;
    for (int i = 0; i < count; i++) {
        int gone = all || reduced[i], there = keeps || !gone;
        if (there && (next == PyArray_NDIM(out) || PyArray_DIM(out, next) != (gone ? 1 : PyArray_DIM(x, i))))
            return 0;
        npy_intp step = gone ? 0 : PyArray_STRIDE(out, next);
        runs += gone && PyArray_DIM(x, i) > 1 && !before;
        before = PyArray_DIM(x, i) > 1 ? gone : before;
        every[i] = (Axis){PyArray_DIM(x, i), {step, PyArray_STRIDE(x, i), step}};
        one[i] = (Axis){gone ? 1 : PyArray_DIM(x, i), {ufunc == add ? 0 : PyArray_STRIDE(x, i), step}};
        next += there;
    }
    if (next != PyArray_NDIM(out) || runs > 1) /* along several axes NumPy adds up pieces that it copies */
        return 0;
    Span spans[] = {span_of(out), span_of(x), span_of(out)};
    it.ahead = 1, it.name = "reduce", it.at[0] = it.at[2] = PyArray_BYTES(out), it.at[1] = PyArray_BYTES(x);
    first.loop = copying(PyArray_ITEMSIZE(x), 0), first.at[1] = PyArray_BYTES(out);
    first.at[0] = ufunc == add ? (char *)&zero : PyArray_BYTES(x);
    Span begin[] = {ufunc == add ? (Span){NULL, NULL, 0} : spans[1], spans[0]};
    int made = add_instruction(self, &first, one, count, begin);
    return made == 1 ? add_instruction(self, &it, every, count, spans) : made;
}

static int make(Calls *self, PyObject *function, PyObject *arguments)
{
    PyArrayObject *arrays[OPERANDS];
    Py_ssize_t count = PyTuple_Size(arguments);
    if (function == copyto)
        return make_copy(self, arguments);
    if (function == matmul)
        return count == 3 && find_arrays(arguments, 3, arrays) ? make_product(self, "matmul", arrays) : 0;
    if (PyObject_TypeCheck(function, &PyUFunc_Type))
        return count <= OPERANDS && find_arrays(arguments, count, arrays)
                   ? make_elementwise(self, (PyUFuncObject *)function, (int)count, arrays)
                   : 0;
    if (PyObject_TypeCheck(function, partial)) {
        PyObject *called = PyObject_GetAttrString(function, "func"), *named = PyObject_GetAttrString(function, "keywords");
        PyObject *out = named && PyDict_Size(named) == 1 ? PyDict_GetItemString(named, "out") : NULL;
        int made = 0;
        if (called && PyObject_TypeCheck(called, &PyUFunc_Type) && out && is_plain(out) && count < OPERANDS &&
            find_arrays(arguments, count, arrays)) {
            arrays[count] = (PyArrayObject *)out;
            made = make_elementwise(self, (PyUFuncObject *)called, (int)count + 1, arrays);
        }
        Py_XDECREF(called);
        Py_XDECREF(named);
        return made;
    }
    if (PyCFunction_Check(function)) {
        PyObject *owner = PyCFunction_GetSelf(function);
        if (PyCFunction_GetFunction(function) == reduce)
            return make_reduction(self, owner, arguments);
        if (PyCFunction_GetFunction(function) != dot || count != 2 || !is_plain(owner) ||
            !find_arrays(arguments, 2, arrays + 1))
            return 0;
        arrays[0] = (PyArrayObject *)owner;
        return make_dot(self, arrays);
    }
    return 0;
}

/* ---- Feeds and results that may lie elsewhere in each run ---- */

static int by_memory(const void *a, const void *b)
{
    const char *one = (*(Place *const *)a)->span.low, *other = (*(Place *const *)b)->span.low;
    return one < other ? -1 : one > other;
}

/* Let places move that nothing else shares memory with, and note which operands lie in them. A result must be written whole. */
static int find_uses(Calls *self)
{
    Place **sorted = PyMem_Calloc((size_t)self->count + 1, sizeof(Place *));
    int count = 0, uses = 0, python = 0;
    self->uses = PyMem_Calloc((size_t)self->size * OPERANDS + 1, sizeof(Use));
    if (!self->uses || !sorted)
        return PyMem_Free(sorted), PyErr_NoMemory(), -1;
    for (int i = 0; i < self->size; i++)
        python |= !self->instructions[i].loop;
    for (int i = 0; i < self->count && !python; i++) {
        Place *place = &self->places[i];
        place->moves = place->kind != OUTPUT && is_plain((PyObject *)place->array) && PyArray_IS_C_CONTIGUOUS(place->array) &&
                       place->span.entries && (place->kind == FEED || PyArray_NBYTES(place->array) >= LARGE);
        sorted[count++] = place;
    }
    qsort(sorted, (size_t)count, sizeof(Place *), by_memory);
    for (int i = 1, last = 0; i < count; i++) {
        if (sorted[i]->span.low < sorted[last]->span.high)
            sorted[i]->moves = sorted[last]->moves = 0;
        last = sorted[i]->span.high > sorted[last]->span.high ? i : last;
    }
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (sorted[i]->moves)
            sorted[kept++] = sorted[i];
    char *written = PyMem_Calloc((size_t)kept + 1, 1);
    for (int i = 0; written && i < self->size; i++)
        for (int k = 0; k < self->instructions[i].count; k++) {
            Span used = self->instructions[i].spans[k];
            int is_output = k == self->instructions[i].count - 1, low = 0, high = kept;
            while (low < high) { /* find the first place that ends behind where the operand begins */
                int middle = (low + high) / 2;
                *(sorted[middle]->span.high > used.low ? &high : &low) = middle + (sorted[middle]->span.high <= used.low);
            }
            for (; low < kept && overlap(sorted[low]->span, used); low++) {
                Place *place = sorted[low];
                place->moves &= used.low >= place->span.low && used.high <= place->span.high;
                place->moves &= !(is_output && place->kind == FEED);
                written[low] |= is_output && used.low == place->span.low && used.entries == place->span.entries;
                if (place->moves) {
                    self->uses[uses] = (Use){i, k, place->use, self->instructions[i].at[k] - place->span.low};
                    place->use = uses++;
                }
            }
        }
    for (int i = 0; written && i < kept; i++)
        sorted[i]->moves &= written[i] || sorted[i]->kind == FEED;
    int failed = !written;
    PyMem_Free(written);
    PyMem_Free(sorted);
    return failed ? PyErr_NoMemory(), -1 : 0;
}

static void move(Calls *self, Place *place, char *to)
{
    for (int i = place->use; i >= 0 && to != place->at; i = self->uses[i].next)
        self->instructions[self->uses[i].instruction].at[self->uses[i].operand] = to + self->uses[i].offset;
    place->at = to;
}

static int is_like(PyObject *fed, PyArrayObject *place)
{
    PyArrayObject *array = (PyArrayObject *)fed;
    return is_plain(fed) && PyArray_TYPE(array) == PyArray_TYPE(place) && PyArray_SAMESHAPE(array, place);
}

/* Read a feed where it lies, if it lies as expected; else copy it to the program's own memory. */
static int take_up(Calls *self, Place *place, PyObject *fed)
{
    PyArrayObject *array = (PyArrayObject *)fed;
    if (place->moves && is_like(fed, place->array) && PyArray_IS_C_CONTIGUOUS(array)) {
        move(self, place, PyArray_BYTES(array));
        return 0;
    }
    if (place->moves)
        move(self, place, PyArray_BYTES(place->array));
    return PyArray_CopyInto(place->array, array);
}

/* Write a result elsewhere from now on: the memory of the last one is somebody else's. */
static int renew(Calls *self, Place *place)
{
    PyArrayObject *array = (PyArrayObject *)PyArray_NewLikeArray(place->array, NPY_CORDER, NULL, 0);
    if (!array || PyDict_SetItem(self->results, place->name, (PyObject *)array) < 0)
        return Py_XDECREF((PyObject *)array), -1;
    Py_DECREF((PyObject *)place->array);
    place->array = array;
    move(self, place, PyArray_BYTES(array));
    place->taken = 0;
    return 0;
}

/* ---- Running ---- */

static void run_instruction(const Instruction *it)
{
    char *at[OPERANDS];
    npy_intp number[AXES] = {0};
    for (;;) {
        for (int k = 0; k < it->count; k++) { /* anew each time: loops of products change what they are given */
            at[k] = it->at[k];
            for (int i = 0; i < it->outers; i++)
                at[k] += number[i] * it->outer[i].steps[k];
        }
        it->loop(at, it->sizes, it->steps, it->data);
        int axis = it->outers - 1;
        while (axis >= 0 && ++number[axis] == it->outer[axis].size)
            number[axis--] = 0;
        if (axis < 0)
            return;
    }
}

/* Warn or raise as NumPy does, by np.errstate, of what floating-point numbers came to. */
static int report(const char *name, int found)
{
    feclearexcept(FE_ALL_EXCEPT);
    if (!name)
        return 0;
    int divided = found & FE_DIVBYZERO ? NPY_FPE_DIVIDEBYZERO : 0, over = found & FE_OVERFLOW ? NPY_FPE_OVERFLOW : 0;
    int under = found & FE_UNDERFLOW ? NPY_FPE_UNDERFLOW : 0, invalid = found & FE_INVALID ? NPY_FPE_INVALID : 0;
    return PyUFunc_GiveFloatingpointErrors(name, divided | over | under | invalid);
}

enum { HEEDED = FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID };

static int run_all(Calls *self)
{
    PyThreadState *away = NULL;
    int failed = 0;
    feclearexcept(FE_ALL_EXCEPT);
    for (int i = 0; i < self->size && !failed; i++) {
        const Instruction *it = &self->instructions[i];
        if (it->loop) {
            if (!away && it->ahead > LONG)
                away = PyEval_SaveThread();
            run_instruction(it);
            int found = fetestexcept(HEEDED);
            if (found) {
                if (away)
                    PyEval_RestoreThread(away), away = NULL;
                failed = report(it->name, found) < 0;
            }
        } else {
            if (away)
                PyEval_RestoreThread(away), away = NULL;
            PyObject *result = PyObject_CallObject(PyTuple_GetItem(it->call, 0), PyTuple_GetItem(it->call, 1));
            failed = !result;
            Py_XDECREF(result);
            if (fetestexcept(HEEDED))
                feclearexcept(FE_ALL_EXCEPT);
        }
    }
    if (away)
        PyEval_RestoreThread(away);
    return failed ? -1 : 0;
}

static PyObject *run(Calls *self, PyObject *feeds)
{
    PyObject *held = PySequence_Tuple(feeds); /* no other thread may drop them meanwhile */
    int failed = !held || PyErr_CheckSignals() < 0;
    if (!failed && (self->running || PyTuple_Size(held) != self->feeds)) {
        PyErr_SetString(PyExc_RuntimeError, self->running ? "it is running already" : "it has another number of feeds");
        failed = 1;
    }
    if (failed)
        return Py_XDECREF(held), NULL;
    self->running = 1;
    for (int i = 0; i < self->feeds && !failed; i++) {
        PyObject *fed = PyTuple_GetItem(held, i);
        if (!PyArray_Check(fed))
            PyErr_SetString(PyExc_TypeError, "a feed is not an array");
        failed = !PyArray_Check(fed) || take_up(self, &self->places[i], fed) < 0;
    }
    for (int i = self->feeds; i < self->kept && !failed; i++)
        failed = self->places[i].taken && renew(self, &self->places[i]) < 0;
    failed = failed || run_all(self) < 0;
    self->running = 0;
    Py_DECREF(held);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *fits(Calls *self, PyObject *feeds)
{
    int all = PyList_Check(feeds) && PyList_Size(feeds) == self->feeds;
    for (int i = 0; all && i < self->feeds; i++)
        all = is_like(PyList_GetItem(feeds, i), self->places[i].array);
    return PyBool_FromLong(all);
}

static PyObject *hand_out(Calls *self, PyObject *ignored)
{
    PyObject *found = PyDict_New();
    (void)ignored;
    for (int i = self->feeds; found && i < self->kept; i++) {
        Place *place = &self->places[i];
        PyObject *array = place->moves ? Py_NewRef((PyObject *)place->array) : PyArray_NewCopy(place->array, NPY_CORDER);
        if (!array || PyDict_SetItem(found, place->name, array) < 0)
            Py_CLEAR(found);
        place->taken = place->moves;
        Py_XDECREF(array);
    }
    return found;
}

/* ---- The type ---- */

static int clear(Calls *self)
{
    Py_CLEAR(self->calls);
    Py_CLEAR(self->results);
    Py_CLEAR(self->native);
    Py_CLEAR(self->read_in_place);
    Py_CLEAR(self->handed_out);
    return 0;
}

static int traverse(Calls *self, visitproc visit, void *arg)
{
    Py_VISIT(self->calls);
    Py_VISIT(self->results);
    Py_VISIT(Py_TYPE((PyObject *)self));
    return 0;
}

static void dealloc(Calls *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject_GC_UnTrack(self);
    clear(self);
    for (int i = 0; i < self->size; i++)
        PyMem_Free(self->instructions[i].outer);
    for (int i = 0; i < self->count; i++) {
        Py_XDECREF((PyObject *)self->places[i].array);
        Py_XDECREF(self->places[i].name);
    }
    PyMem_Free(self->instructions);
    PyMem_Free(self->places);
    PyMem_Free(self->uses);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* Make the instructions of all calls; those that can't be are calls of Python. */
static int make_all(Calls *self)
{
    self->instructions = PyMem_Calloc(2 * (size_t)PyTuple_Size(self->calls) + 1, sizeof(Instruction)); /* a reduction is two */
    if (!self->instructions)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < PyTuple_Size(self->calls); i++) {
        PyObject *call = PyTuple_GetItem(self->calls, i), *function, *arguments;
        if (!PyTuple_Check(call) || PyTuple_Size(call) != 2 || !PyTuple_Check(PyTuple_GetItem(call, 1)))
            return PyErr_SetString(PyExc_TypeError, "a call is (function, arguments)"), -1;
        function = PyTuple_GetItem(call, 0), arguments = PyTuple_GetItem(call, 1);
        int made = make(self, function, arguments);
        Instruction plain = {.call = call};
        Axis none[1];
        Span nothing[OPERANDS] = {{NULL, NULL, 0}};
        if (made < 0 || PyList_Append(self->native, made ? Py_True : Py_False) < 0)
            return -1;
        if (!made && add_instruction(self, &plain, none, 0, nothing) < 0)
            return -1;
    }
    for (int i = self->size - 2; i >= 0; i--)
        if (self->instructions[i].loop && self->instructions[i + 1].loop)
            self->instructions[i].ahead += self->instructions[i + 1].ahead;
    return 0;
}

static int add_place(Calls *self, int kind, PyObject *name, PyObject *array)
{
    if (!PyArray_Check(array))
        return PyErr_SetString(PyExc_TypeError, "feeds, results and outputs are arrays"), -1;
    PyArrayObject *found = (PyArrayObject *)array;
    Py_INCREF(array);
    Py_XINCREF(name);
    self->places[self->count++] =
        (Place){.array = found, .name = name, .span = span_of(found), .at = PyArray_BYTES(found), .use = -1, .kind = kind};
    return 0;
}

/* Note where feeds and results lie, and which of them may lie elsewhere. */
static int fill_places(Calls *self, PyObject *feeds, PyObject *outputs)
{
    Py_ssize_t next = 0, most = PyTuple_Size(feeds) + PyDict_Size(self->results) + PyTuple_Size(outputs);
    PyObject *name, *array;
    if (!(self->places = PyMem_Calloc((size_t)most + 1, sizeof(Place))))
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < PyTuple_Size(feeds); i++)
        if (add_place(self, FEED, NULL, PyTuple_GetItem(feeds, i)) < 0)
            return -1;
    self->feeds = self->count;
    while (PyDict_Next(self->results, &next, &name, &array))
        if (add_place(self, GRADIENT, name, array) < 0)
            return -1;
    self->kept = self->count;
    for (Py_ssize_t i = 0; i < PyTuple_Size(outputs); i++)
        if (add_place(self, OUTPUT, NULL, PyTuple_GetItem(outputs, i)) < 0)
            return -1;
    int failed = find_uses(self) < 0;
    for (int i = 0; i < self->kept && !failed; i++) {
        PyObject *told = i < self->feeds ? PyLong_FromLong(i) : Py_NewRef(self->places[i].name);
        PyObject *list = i < self->feeds ? self->read_in_place : self->handed_out;
        failed = !told || (self->places[i].moves && PyList_Append(list, told) < 0);
        Py_XDECREF(told);
    }
    return failed ? -1 : 0;
}

static PyObject *create(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"calls", "feeds", "results", "outputs", NULL};
    PyObject *calls, *feeds, *results, *outputs;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "OOO!O:Calls", names, &calls, &feeds, &PyDict_Type, &results, &outputs))
        return NULL;
    Calls *self = (Calls *)PyType_GenericAlloc(type, 0);
    if (!self)
        return NULL;
    self->calls = PySequence_Tuple(calls), self->results = Py_NewRef(results), self->native = PyList_New(0);
    self->read_in_place = PyList_New(0), self->handed_out = PyList_New(0);
    PyObject *fed = PySequence_Tuple(feeds), *others = PySequence_Tuple(outputs);
    if (!self->calls || !self->native || !self->read_in_place || !self->handed_out || !fed || !others || make_all(self) < 0 ||
        fill_places(self, fed, others) < 0)
        Py_CLEAR(self);
    Py_XDECREF(fed);
    Py_XDECREF(others);
    return (PyObject *)self;
}

static PyMethodDef methods[] = {
    {"fits", (PyCFunction)fits, METH_O, "fits(list): whether feeds are plain arrays, of the shapes and dtypes of their places."},
    {"run", (PyCFunction)run, METH_O, "run(feeds): make all calls; feeds are arrays, in order."},
    {"hand_out", (PyCFunction)hand_out, METH_NOARGS, "hand_out(): the results, as arrays that no run will write into."},
    {NULL},
};

static PyMemberDef members[] = {
    {"native", T_OBJECT, offsetof(Calls, native), READONLY, "For each call, whether it needs no Python."},
    {"read_in_place", T_OBJECT, offsetof(Calls, read_in_place), READONLY, "The feeds that are not copied."},
    {"handed_out", T_OBJECT, offsetof(Calls, handed_out), READONLY, "The results that are not copied."},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, create}, {Py_tp_dealloc, dealloc}, {Py_tp_traverse, traverse}, {Py_tp_clear, clear}, {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_doc, "Calls(calls, feeds, results, outputs): a list of (function, arguments), run as one call."},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "graphnet.native._native.Calls",
    .basicsize = sizeof(Calls),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int add_calls(PyObject *module)
{
    PyObject *numpy = PyImport_ImportModule("numpy"), *type = PyType_FromSpec(&spec);
    struct {
        PyObject **place;
        const char *name;
    } known[] = {{&copyto, "copyto"}, {&matmul, "matmul"}, {&add, "add"}, {&maximum, "maximum"}, {&minimum, "minimum"}};
    if (!numpy || !type)
        return -1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!(*known[i].place = PyObject_GetAttrString(numpy, known[i].name)))
            return -1;
    PyObject *functools = PyImport_ImportModule("functools");
    if (!functools || !(partial = (PyTypeObject *)PyObject_GetAttrString(functools, "partial")))
        return -1;
    Py_DECREF(functools);
    npy_intp one = 1;
    PyObject *array = PyArray_ZEROS(1, &one, NPY_DOUBLE, 0), *method = array ? PyObject_GetAttrString(array, "dot") : NULL;
    PyObject *reducing = PyObject_GetAttrString(add, "reduce");
    if (!method || !reducing)
        return -1;
    feraiseexcept(FE_INVALID);
    PyObject *product = PyObject_CallFunctionObjArgs(method, array, NULL);
    dot_reports = !fetestexcept(FE_INVALID); /* if it does, it forgets first what was before */
    feclearexcept(FE_ALL_EXCEPT);
    Py_XDECREF(product);
    dot = PyCFunction_GetFunction(method), reduce = PyCFunction_GetFunction(reducing);
    Py_DECREF(method);
    Py_DECREF(reducing);
    Py_DECREF(array);
    Py_DECREF(numpy);
    return PyModule_AddObjectRef(module, "Calls", type);
}
