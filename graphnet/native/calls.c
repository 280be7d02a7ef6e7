/* A list of NumPy calls, made into instructions once and run as one call.

A call of a ufunc, as np.tanh(z, a), ends in an inner loop that NumPy has compiled for these dtypes, often with SIMD. What comes
before it (finding the loop, the order of the axes, what overlaps) is the same in each run of a program, and takes longer than
the loop where arrays are small. Here it is done once: an instruction is a loop, where its operands lie, and their steps. The
results are the same bits, since it is the same loop on the same memory.

An instruction is made from the function and the arrays themselves. It is made only if all is as expected: plain arrays of
numbers, aligned, in the machine's byte order, of dtypes that the ufunc has a loop for; the output lies in memory row after row,
and no operand overlaps it unless it is the output. Whatever else is in the list stays a call of Python, made between the others. */
#include "native.h"
#include <fenv.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>

enum { OPERANDS = 3, AXES = 8 };

/* From how much work on, in entries, other threads may run meanwhile: to get the interpreter back from them may take
   milliseconds. */
enum { LONG = 1 << 16 };

/* Up to how many entries a reduction is an instruction: NumPy may cut longer ones into pieces, which rounds otherwise. */
enum { SHORT = 1 << 12 };

typedef struct {
    npy_intp size, steps[OPERANDS];
} Axis;

typedef struct {
    Loop loop;                    /* of no function: a call of Python */
    const char *name;             /* for warnings, as NumPy's */
    PyObject *call;               /* (function, arguments) */
    char *at[OPERANDS];           /* where each operand begins; the last one is the output */
    npy_intp sizes[4];            /* how often the loop runs, and sizes within: of a product m, n, p */
    npy_intp steps[OPERANDS + 6]; /* bytes from one to the next of each operand, and within */
    Axis *outer;                  /* further axes, the outermost first */
    int count, outers;            /* of operands, of further axes */
    double ahead;                 /* work until the next call of Python */
} Instruction;

/* A feed, a result that is handed out, or another that is read. Where all that uses it are instructions, it may lie elsewhere
   in each run. */
enum { FEED, GRADIENT, OUTPUT };

typedef struct {
    PyArrayObject *array; /* the program's own */
    PyObject *name;
    char *at; /* where its values are now */
    int use;  /* the last of its uses, -1 for none */
    int kind, moves, written, taken; /* written: whole by the program; taken: somebody else's from now on */
} Place;

/* An operand of an instruction that lies in a place. */
typedef struct {
    int instruction, operand, next;
    npy_intp offset;
} Use;

typedef struct {
    PyObject_HEAD
    PyObject *calls, *results, *native, *owners; /* owners: the place of what lies in the memory of an array, by its address */
    Instruction *instructions;
    Place *places; /* the feeds, then the results, then the others */
    Use *uses;
    int size, used, running;
    int feeds, kept, count;        /* of places: feeds; feeds and results; all */
    int read_in_place, handed_out; /* how many feeds and results are not copied */
} Calls;

/* Functions of NumPy that are known here. */
static PyObject *copyto, *matmul, *add, *maximum, *minimum, *may_share_memory;
static PyCFunction reduce;
static PyTypeObject *partial;

/* ---- Loops of our own: they move numbers, and compute none ---- */

#define WITH_STEPS(A, B, C, each)                                                                       \
    {                                                                                                   \
        const npy_intp a = A, b = B, c = C;                                                             \
        (void)c;                                                                                        \
        for (npy_intp i = 0; i < n; i++) {                                                              \
            each;                                                                                       \
        }                                                                                               \
    }
/* A loop over operands x, y, z. Of entries side by side, and of one number for all, the compiler knows the steps: it makes SIMD. */
#define LOOP(name, A, B, C, each)                                                                       \
    static void name(char **at, const npy_intp *sizes, const npy_intp *steps, void *data)               \
    {                                                                                                   \
        const npy_intp n = sizes[0];                                                                    \
        char *restrict x = at[0], *restrict y = at[1], *restrict z = at[2];                             \
        int beside = steps[1] == (npy_intp)(B) && (!(C) || steps[2] == (npy_intp)(C));                  \
        (void)z, (void)data;                                                                            \
        if (beside && steps[0] == (npy_intp)(A))                                                        \
            WITH_STEPS(A, B, C, each)                                                                   \
        else if (beside && steps[0] == 0)                                                               \
            WITH_STEPS(0, B, C, each)                                                                   \
        else                                                                                            \
            WITH_STEPS(steps[0], steps[1], steps[2], each)                                              \
    }
/* Where a mask is set, bits are chosen without a jump: masks are hard to foresee. */
#define COPY(type)                                                                                      \
    LOOP(copy_##type, sizeof(type), sizeof(type), 0, *(type *)(y + i * b) = *(type *)(x + i * a))       \
    LOOP(copy_where_##type, sizeof(type), 1, sizeof(type), type keep = (type)(y[i * b] != 0) - 1;       \
         type *to = (type *)(z + i * c); *to = (*to & keep) | (*(type *)(x + i * a) & ~keep))
#define FROM_BOOL(type) LOOP(type##_from_bool, 1, sizeof(type), 0, *(type *)(y + i * b) = (type)(x[i * a] != 0))

COPY(npy_uint8)
COPY(npy_uint32)
COPY(npy_uint64)
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

/* ---- What operands must be ---- */

static int is_plain(PyObject *object)
{
    PyArrayObject *array = (PyArrayObject *)object;
    return PyArray_CheckExact(object) && PyArray_ISALIGNED(array) && PyArray_ISNOTSWAPPED(array) &&
           PyArray_TYPE(array) <= NPY_DOUBLE && PyArray_NDIM(array) <= AXES;
}

/* Find `count` plain arrays at the start of a tuple, which may hold more. */
static int find_arrays(PyObject *tuple, Py_ssize_t count, PyArrayObject **arrays)
{
    if (PyTuple_Size(tuple) < count)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        arrays[i] = (PyArrayObject *)PyTuple_GetItem(tuple, i);
        if (!is_plain((PyObject *)arrays[i]))
            return 0;
    }
    return 1;
}

static int overlap(PyArrayObject *a, PyArrayObject *b)
{
    PyObject *found = PyObject_CallFunctionObjArgs(may_share_memory, a, b, NULL);
    if (!found)
        PyErr_Clear();
    Py_XDECREF(found);
    return found != Py_False;
}

/* Whether the last array may be written while the others are read: none overlaps it, or, if that is allowed, all of it. */
static int may_write(int count, PyArrayObject **arrays, int over_itself)
{
    PyArrayObject *out = arrays[count - 1];
    for (int i = 0; i < count - 1; i++) {
        int is_it = PyArray_BYTES(arrays[i]) == PyArray_BYTES(out) && PyArray_TYPE(arrays[i]) == PyArray_TYPE(out) &&
                    PyArray_SAMESHAPE(arrays[i], out) && PyArray_IS_C_CONTIGUOUS(arrays[i]);
        if (overlap(arrays[i], out) && !(over_itself && is_it))
            return 0;
    }
    return PyArray_ISWRITEABLE(out) && PyArray_IS_C_CONTIGUOUS(out);
}

/* ---- Making an instruction: 1 if it is made or there is nothing to do, 0 if not, -1 if memory is lacking ---- */

static PyObject *address_of_owner(PyArrayObject *array)
{
    for (PyObject *base; (base = PyArray_BASE(array)) && PyArray_Check(base);)
        array = (PyArrayObject *)base;
    return PyLong_FromVoidPtr(array);
}

/* Note that the next instruction's operand lies in a place, if it does. */
static int note_use(Calls *self, int operand, PyArrayObject *array, int is_output)
{
    PyObject *owner = address_of_owner(array), *found = owner ? PyDict_GetItemWithError(self->owners, owner) : NULL;
    Py_XDECREF(owner);
    if (!found)
        return PyErr_Occurred() ? -1 : 0;
    Place *place = &self->places[PyLong_AsLong(found)];
    place->moves &= !(is_output && place->kind == FEED);
    place->written |= is_output && PyArray_SIZE(array) == PyArray_SIZE(place->array);
    self->uses[self->used] = (Use){self->size, operand, place->use, PyArray_BYTES(array) - place->at};
    place->use = self->used++;
    return 0;
}

/* Add an instruction on arrays of which all but its axes is known; NULL stands for one that is a constant. Axes of size 1 are
   left out, and one that goes on where the next one ends is one with it: so NumPy does, to whom the output gives the order. */
static int add_instruction(Calls *self, Instruction *it, PyArrayObject **arrays, const Axis *axes, int count)
{
    Axis kept[AXES] = {{1, {0}}};
    int last = -1;
    for (int i = 0; i < count; i++) {
        if (axes[i].size == 0)
            return 1;
        if (axes[i].size == 1)
            continue;
        int joined = last >= 0;
        for (int k = 0; joined && k < it->count; k++)
            joined = kept[last].steps[k] == axes[i].steps[k] * axes[i].size;
        npy_intp before = joined ? kept[last].size : 1;
        kept[joined ? last : ++last] = axes[i];
        kept[last].size *= before;
        it->ahead *= (double)axes[i].size;
    }
    last = last < 0 ? 0 : last;
    it->sizes[0] = kept[last].size, it->outers = last;
    memcpy(it->steps, kept[last].steps, (size_t)it->count * sizeof(npy_intp));
    for (int k = 0; k < it->count; k++)
        if (arrays[k] && note_use(self, k, arrays[k], k == it->count - 1) < 0)
            return -1;
    if (last && !(it->outer = PyMem_Malloc((size_t)last * sizeof(Axis))))
        return -1;
    if (last)
        memcpy(it->outer, kept, (size_t)last * sizeof(Axis));
    self->instructions[self->size++] = *it;
    return 1;
}

/* Add the loop of an operation that goes through all operands together, but for their last axes, which it knows itself. */
static int add_loop(Calls *self, Instruction *it, PyArrayObject **arrays, const int *cores)
{
    int last = it->count - 1, count = PyArray_NDIM(arrays[last]) - cores[last];
    Axis axes[AXES];
    for (int k = last; k >= 0; k--) { /* the output first: it has all sizes, the others may be stretched */
        int missing = count - (PyArray_NDIM(arrays[k]) - cores[k]);
        if (missing < 0)
            return 0;
        for (int i = 0; i < count; i++) {
            npy_intp size = i < missing ? 1 : PyArray_DIM(arrays[k], i - missing);
            if (k < last && size != axes[i].size && size != 1)
                return 0;
            axes[i].size = k < last ? axes[i].size : size;
            axes[i].steps[k] = size == 1 ? 0 : PyArray_STRIDE(arrays[k], i - missing);
        }
        it->at[k] = PyArray_BYTES(arrays[k]);
    }
    return add_instruction(self, it, arrays, axes, count);
}

/* Begin an instruction with the loop of a ufunc for the dtypes of arrays; not of integers, since such loops may raise errors of Python. */
static int begin(Instruction *it, PyUFuncObject *ufunc, int count, PyArrayObject **arrays)
{
    int types[OPERANDS];
    for (int k = 0; k < count; k++) {
        types[k] = PyArray_TYPE(arrays[k]);
        if (types[k] != NPY_BOOL && types[k] < NPY_FLOAT)
            return 0;
    }
    *it = (Instruction){.loop = find_loop(ufunc, count, types), .name = ufunc->name, .count = count, .ahead = 1};
    return it->loop.function != NULL;
}

static const int NO_CORES[OPERANDS] = {0};

/* Whether an operand is read backwards along the last axis. NumPy copies such operands before the loop, where there are several
   axes: some loops, as that of power, compute other last bits backwards than forwards. */
static int reads_backwards(int count, PyArrayObject **arrays)
{
    PyArrayObject *out = arrays[count - 1];
    int axis = PyArray_NDIM(out) - 1, backwards = 0;
    while (axis >= 0 && PyArray_DIM(out, axis) == 1)
        axis--;
    for (int k = 0; k < count - 1; k++) {
        int own = axis - (PyArray_NDIM(out) - PyArray_NDIM(arrays[k]));
        backwards |= own >= 0 && PyArray_DIM(arrays[k], own) > 1 && PyArray_STRIDE(arrays[k], own) < 0;
    }
    return backwards;
}

static int make_elementwise(Calls *self, PyUFuncObject *ufunc, int count, PyArrayObject **arrays)
{
    Instruction it;
    int fits = !ufunc->core_enabled && begin(&it, ufunc, count, arrays) && may_write(count, arrays, 1) &&
               !reads_backwards(count, arrays);
    return fits ? add_loop(self, &it, arrays, NO_CORES) : 0;
}

/* np.matmul(x, y, out) for arrays of at least one axis. */
static int make_product(Calls *self, PyArrayObject **arrays)
{
    Instruction it;
    PyArrayObject *x = arrays[0], *y = arrays[1], *out = arrays[2];
    int rows = PyArray_NDIM(x) > 1, columns = PyArray_NDIM(y) > 1, X = PyArray_NDIM(x) - 1, Y = PyArray_NDIM(y) - 1;
    int cores[OPERANDS] = {rows + 1, columns + 1, rows + columns}, O = PyArray_NDIM(out) - cores[2];
    if (X < 0 || Y < 0 || O < 0 || !begin(&it, (PyUFuncObject *)matmul, 3, arrays) || !may_write(3, arrays, 0))
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
    it.sizes[1] = m, it.sizes[2] = n, it.sizes[3] = p, it.ahead = (double)m * n * p / 8;
    return add_loop(self, &it, arrays, cores);
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
    Instruction it = {.loop = {copying(PyArray_ITEMSIZE(two[0]), where)}, .name = "copyto", .count = 2 + where, .ahead = 1};
    if (from != to) /* of all casts, that of a mask to numbers is the usual one */
        it.loop.function = from != NPY_BOOL || where ? NULL
                           : to == NPY_DOUBLE        ? npy_double_from_bool
                           : to == NPY_FLOAT         ? npy_float_from_bool
                                                     : NULL;
    arrays[0] = two[1], arrays[1] = (PyArrayObject *)mask, arrays[it.count - 1] = two[0];
    return it.loop.function && may_write(it.count, arrays, 0) ? add_loop(self, &it, arrays, NO_CORES) : 0;
}

/* ufunc.reduce(x, axes, None, out, keepdims) of add, maximum and minimum, over axes beside each other: x is seen as (before, gone,
   after), out as (before, after). Two instructions, of which the first writes what the second begins with. */
static int make_reduction(Calls *self, PyObject *ufunc, PyObject *arguments)
{
    static double zero;
    PyArrayObject *x, *out;
    Instruction it;
    if (PyTuple_Size(arguments) != 5 || (ufunc != add && ufunc != maximum && ufunc != minimum) || !find_arrays(arguments, 1, &x) ||
        !PyTuple_Check(PyTuple_GetItem(arguments, 1)) || PyTuple_GetItem(arguments, 2) != Py_None ||
        !is_plain(PyTuple_GetItem(arguments, 3)))
        return 0;
    PyObject *axes = PyTuple_GetItem(arguments, 1);
    out = (PyArrayObject *)PyTuple_GetItem(arguments, 3);
    PyArrayObject *arrays[] = {out, x, out}, *first_arrays[] = {ufunc == add ? NULL : x, out};
    if (PyArray_TYPE(x) < NPY_FLOAT || PyArray_SIZE(x) == 0 || PyArray_SIZE(x) > SHORT || !PyArray_IS_C_CONTIGUOUS(x) ||
        !may_write(2, arrays + 1, 0) || !begin(&it, (PyUFuncObject *)ufunc, 3, arrays))
        return 0;
    int keeps = PyTuple_GetItem(arguments, 4) == Py_True, next = 0, now = 0, gone[AXES] = {0};
    for (Py_ssize_t i = 0; i < PyTuple_Size(axes); i++) {
        long axis = PyLong_AsLong(PyTuple_GetItem(axes, i));
        if (axis < 0 || axis >= PyArray_NDIM(x) || gone[axis]++)
            return PyErr_Clear(), 0;
    }
    npy_intp part[4] = {1, 1, 1, 1}, entry = PyArray_ITEMSIZE(x);
    for (int i = 0; i < PyArray_NDIM(x); i++) {
        npy_intp size = PyArray_DIM(x, i);
        if ((keeps || !gone[i]) && (next == PyArray_NDIM(out) || PyArray_DIM(out, next++) != (gone[i] ? 1 : size)))
            return 0;
        now += size > 1 && now < 3 && gone[i] != (now == 1);
        part[now] *= size;
    }
    if (next != PyArray_NDIM(out) || part[3] > 1) /* along axes apart NumPy adds up pieces that it copies */
        return 0;
    npy_intp row = part[2] * entry, block = part[1] * row;
    Axis every[] = {{part[0], {row, block, row}}, {part[1], {0, row, 0}}, {part[2], {entry, entry, entry}}};
    Axis one[] = {{part[0], {ufunc == add ? 0 : block, row}}, {part[2], {ufunc == add ? 0 : entry, entry}}};
    char *begins = ufunc == add ? (char *)&zero : PyArray_BYTES(x);
    Instruction first = {{copying(entry, 0)}, "reduce", .at = {begins, PyArray_BYTES(out)}, .count = 2, .ahead = 1};
    it.name = "reduce", it.at[0] = it.at[2] = PyArray_BYTES(out), it.at[1] = PyArray_BYTES(x);
    int made = add_instruction(self, &first, first_arrays, one, 2);
    return made == 1 ? add_instruction(self, &it, arrays, every, 3) : made;
}

static int make(Calls *self, PyObject *function, PyObject *arguments)
{
    PyArrayObject *arrays[OPERANDS];
    Py_ssize_t count = PyTuple_Size(arguments);
    PyObject *out = NULL;
    if (function == copyto)
        return make_copy(self, arguments);
    if (PyCFunction_Check(function) && PyCFunction_GetFunction(function) == reduce)
        return make_reduction(self, PyCFunction_GetSelf(function), arguments);
    if (PyObject_TypeCheck(function, partial)) { /* partial(ufunc, out=array) */
        PyObject *named = PyObject_GetAttrString(function, "keywords");
        out = named && PyDict_Size(named) == 1 ? PyDict_GetItemString(named, "out") : NULL;
        function = out ? PyObject_GetAttrString(function, "func") : NULL;
        Py_XDECREF(named); /* the partial, which holds all of it, is held by the calls */
        Py_XDECREF(function);
    }
    if (!function || !PyObject_TypeCheck(function, &PyUFunc_Type) || count + !!out > OPERANDS || count + !!out < 2 ||
        !find_arrays(arguments, count, arrays) || (out && !is_plain(out)))
        return PyErr_Clear(), 0;
    if (out)
        arrays[count++] = (PyArrayObject *)out;
    if (function == matmul)
        return count == OPERANDS ? make_product(self, arrays) : 0;
    return make_elementwise(self, (PyUFuncObject *)function, (int)count, arrays);
}

/* ---- Feeds and results that may lie elsewhere in each run ---- */

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
    int stays = place->moves && is_like(fed, place->array) && PyArray_IS_C_CONTIGUOUS((PyArrayObject *)fed);
    move(self, place, PyArray_BYTES(stays ? (PyArrayObject *)fed : place->array));
    return stays ? 0 : PyArray_CopyInto(place->array, (PyArrayObject *)fed);
}

/* Write a result elsewhere from now on: the memory of the last one is somebody else's. */
static int renew(Calls *self, Place *place)
{
    PyArrayObject *array = (PyArrayObject *)PyArray_NewLikeArray(place->array, NPY_CORDER, NULL, 0);
    if (!array || PyDict_SetItem(self->results, place->name, (PyObject *)array) < 0)
        return Py_XDECREF((PyObject *)array), -1;
    Py_DECREF((PyObject *)place->array);
    place->array = array;
    place->taken = 0;
    move(self, place, PyArray_BYTES(array));
    return 0;
}

/* ---- Running ---- */

static void run_instruction(const Instruction *it)
{
    char *at[OPERANDS], *next[OPERANDS];
    npy_intp number[AXES] = {0};
    memcpy(next, it->at, sizeof next);
    for (;;) {
        memcpy(at, next, sizeof at); /* a copy: loops of products change what they are given */
        it->loop.function(at, it->sizes, it->steps, it->loop.data);
        int axis = it->outers - 1;
        for (; axis >= 0; axis--) {
            const Axis *outer = &it->outer[axis];
            int ended = ++number[axis] == outer->size;
            for (int k = 0; k < it->count; k++)
                next[k] += outer->steps[k] * (ended ? 1 - outer->size : 1);
            if (!ended)
                break;
            number[axis] = 0;
        }
        if (axis < 0)
            return;
    }
}

/* What NumPy warns or raises of, by np.errstate. */
enum { HEEDED = FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID };

static int run_all(Calls *self)
{
    PyThreadState *away = NULL;
    int failed = 0;
    feclearexcept(FE_ALL_EXCEPT);
    for (int i = 0; i < self->size && !failed; i++) {
        const Instruction *it = &self->instructions[i];
        int found = 0;
        if (it->loop.function) {
            if (!away && it->ahead > LONG)
                away = PyEval_SaveThread();
            run_instruction(it);
            found = fetestexcept(HEEDED);
        }
        if (away && (found || !it->loop.function))
            PyEval_RestoreThread(away), away = NULL;
        if (found) /* the second call takes the flags, and puts them down */
            failed = PyUFunc_GiveFloatingpointErrors(it->name, PyUFunc_getfperr()) < 0;
        if (!it->loop.function) {
            PyObject *result = PyObject_CallObject(PyTuple_GetItem(it->call, 0), PyTuple_GetItem(it->call, 1));
            failed = !result;
            Py_XDECREF(result);
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

static PyObject *hand_out(Calls *self, PyObject *Py_UNUSED(nothing))
{
    PyObject *found = PyDict_Copy(self->results);
    for (int i = self->feeds; found && i < self->kept; i++) {
        Place *place = &self->places[i];
        place->taken = place->moves;
        PyObject *copy = place->moves ? NULL : PyArray_NewCopy(place->array, NPY_CORDER);
        if (!place->moves && (!copy || PyDict_SetItem(found, place->name, copy) < 0))
            Py_CLEAR(found);
        Py_XDECREF(copy);
    }
    return found;
}

/* ---- The type ---- */

static int clear(Calls *self)
{
    Py_CLEAR(self->calls);
    Py_CLEAR(self->results);
    Py_CLEAR(self->native);
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

/* Note where a feed, a result or another lies. It may lie elsewhere if it has memory of its own. */
static int add_place(Calls *self, int kind, PyObject *name, PyObject *object)
{
    if (!PyArray_Check(object))
        return PyErr_SetString(PyExc_TypeError, "feeds, results and outputs are arrays"), -1;
    PyArrayObject *array = (PyArrayObject *)object, *owner;
    PyObject *address = address_of_owner(array), *other = address ? PyDict_GetItemWithError(self->owners, address) : NULL;
    PyObject *number = address ? PyLong_FromLong(self->count) : NULL;
    if (!number || PyErr_Occurred() || PyDict_SetItem(self->owners, address, number) < 0)
        return Py_XDECREF(address), Py_XDECREF(number), -1;
    owner = PyLong_AsVoidPtr(address);
    int moves = kind != OUTPUT && !other && is_plain(object) && PyArray_IS_C_CONTIGUOUS(array) && PyArray_SIZE(array) &&
                PyArray_CHKFLAGS(owner, NPY_ARRAY_OWNDATA) && PyArray_NBYTES(owner) == PyArray_NBYTES(array);
    if (other)
        self->places[PyLong_AsLong(other)].moves = 0;
    self->places[self->count++] = (Place){(PyArrayObject *)Py_NewRef(object), Py_XNewRef(name), PyArray_BYTES(array), -1, kind, moves};
    Py_DECREF(address);
    Py_DECREF(number);
    return 0;
}

/* Make the instructions of all calls; those that can't be are calls of Python. Then nobody knows what is read where. */
static int make_all(Calls *self)
{
    size_t most = 2 * (size_t)PyTuple_Size(self->calls) + 1; /* a reduction is two */
    int python = 0;
    self->instructions = PyMem_Calloc(most, sizeof(Instruction));
    self->uses = PyMem_Calloc(most * OPERANDS, sizeof(Use));
    if (!self->instructions || !self->uses)
        return -1;
    for (Py_ssize_t i = 0; i < PyTuple_Size(self->calls); i++) {
        PyObject *call = PyTuple_GetItem(self->calls, i);
        if (!PyTuple_Check(call) || PyTuple_Size(call) != 2 || !PyTuple_Check(PyTuple_GetItem(call, 1)))
            return PyErr_SetString(PyExc_TypeError, "a call is (function, arguments)"), -1;
        int made = make(self, PyTuple_GetItem(call, 0), PyTuple_GetItem(call, 1));
        if (made < 0 || PyList_Append(self->native, made ? Py_True : Py_False) < 0)
            return -1;
        if (!made)
            self->instructions[self->size++] = (Instruction){.call = call};
        python |= !made;
    }
    for (int i = self->size - 2; i >= 0; i--)
        if (self->instructions[i].loop.function && self->instructions[i + 1].loop.function)
            self->instructions[i].ahead += self->instructions[i + 1].ahead;
    for (int i = 0; i < self->count; i++) {
        self->places[i].moves &= !python && (self->places[i].kind == FEED || self->places[i].written);
        self->read_in_place += self->places[i].moves && self->places[i].kind == FEED;
        self->handed_out += self->places[i].moves && self->places[i].kind == GRADIENT;
    }
    return 0;
}

static int fill(Calls *self, PyObject *feeds, PyObject *outputs)
{
    Py_ssize_t next = 0, most = PyTuple_Size(feeds) + PyDict_Size(self->results) + PyTuple_Size(outputs);
    PyObject *name, *array;
    int failed = !(self->places = PyMem_Calloc((size_t)most + 1, sizeof(Place)));
    for (Py_ssize_t i = 0; !failed && i < PyTuple_Size(feeds); i++)
        failed = add_place(self, FEED, NULL, PyTuple_GetItem(feeds, i)) < 0;
    self->feeds = self->count;
    while (!failed && PyDict_Next(self->results, &next, &name, &array))
        failed = add_place(self, GRADIENT, name, array) < 0;
    self->kept = self->count;
    for (Py_ssize_t i = 0; !failed && i < PyTuple_Size(outputs); i++)
        failed = add_place(self, OUTPUT, NULL, PyTuple_GetItem(outputs, i)) < 0;
    return failed ? -1 : make_all(self);
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
    self->calls = PySequence_Tuple(calls), self->results = Py_NewRef(results);
    self->native = PyList_New(0), self->owners = PyDict_New();
    PyObject *fed = PySequence_Tuple(feeds), *others = PySequence_Tuple(outputs);
    int failed = !self->calls || !self->native || !self->owners || !fed || !others || fill(self, fed, others) < 0;
    Py_CLEAR(self->owners);
    Py_XDECREF(fed);
    Py_XDECREF(others);
    if (failed)
        Py_CLEAR(self);
    if (!self && !PyErr_Occurred())
        PyErr_NoMemory();
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
    {"read_in_place", T_INT, offsetof(Calls, read_in_place), READONLY, "How many feeds are not copied."},
    {"handed_out", T_INT, offsetof(Calls, handed_out), READONLY, "How many results are not copied."},
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
    struct {
        PyObject **place;
        const char *module, *name;
    } known[] = {{&copyto, "numpy", "copyto"},   {&matmul, "numpy", "matmul"},
                 {&add, "numpy", "add"},         {&maximum, "numpy", "maximum"},
                 {&minimum, "numpy", "minimum"}, {&may_share_memory, "numpy", "may_share_memory"},
                 {(PyObject **)&partial, "functools", "partial"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        PyObject *from = PyImport_ImportModule(known[i].module);
        if (!from || !(*known[i].place = PyObject_GetAttrString(from, known[i].name)))
            return -1;
        Py_DECREF(from);
    }
    PyObject *method = PyObject_GetAttrString(add, "reduce"), *type = PyType_FromSpec(&spec);
    if (!method || !type)
        return -1;
    reduce = PyCFunction_GetFunction(method);
    Py_DECREF(method);
    return PyModule_AddObjectRef(module, "Calls", type);
}
