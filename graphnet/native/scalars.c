/* A machine for graphs of scalars.

All values lie in one array v. A program computes with them in place: v[1200] = v[7] * v[31] is the instruction {1200, 7, 31} of the
primitive MULTIPLY, the place of its result followed by those of its operands. Instructions of one primitive that do not depend on each
other form a run, and the program is one array of int32, run after run:

    primitive, how many instructions, instruction, instruction, ...

The primitives are the few below, whose C is bit for bit what NumPy does to two numbers, and behind them the ufuncs that the machine is
made with, as tanh: their operands are gathered, and NumPy's own inner loop is called once for up to CHUNK of them.

A program is checked in full when the machine is made: known primitives, places within v. Running it can then go wrong in its results,
never in anybody's memory. */
#include "native.h"
#include <fenv.h>
#include <math.h>
#include <string.h>

enum {CHUNK = 256, MOST_OPERANDS = 3};

/* Name, number of operands, and the result of operands a, b, c; of r, what lay in the place of the result. Truth is 1, untruth 0.
   Comparisons are those that raise no flag for NaN. CLEAR stands beside them, a first and a last place: it fills these and all between
   with -0.0, the number that changes nothing it is added to. */
#define PRIMITIVES(X) \
    X(COPY, 1, a) \
    X(NEGATIVE, 1, -a) \
    X(SQUARE, 1, a * a) \
    X(ADD, 2, a + b) \
    X(SUBTRACT, 2, a - b) \
    X(MULTIPLY, 2, a * b) \
    X(DIVIDE, 2, a / b) \
    X(EQUAL, 2, a == b) \
    X(NOT_EQUAL, 2, a != b) \
    X(LESS, 2, isless(a, b)) \
    X(LESS_EQUAL, 2, islessequal(a, b)) \
    X(GREATER, 2, isgreater(a, b)) \
    X(GREATER_EQUAL, 2, isgreaterequal(a, b)) \
    X(LOGICAL_NOT, 1, a == 0) \
    X(LOGICAL_AND, 2, a != 0 && b != 0) \
    X(LOGICAL_OR, 2, a != 0 || b != 0) \
    X(WHERE, 3, a != 0 ? b : c) \
    X(ACCUMULATE, 1, r + a) \
    X(ACCUMULATE_PRODUCT, 2, r + a * b)

#define AS_ENUM(NAME, OPERANDS, RESULT) NAME,
#define AS_NAME(NAME, OPERANDS, RESULT) #NAME,
#define AS_OPERANDS(NAME, OPERANDS, RESULT) OPERANDS,
enum {PRIMITIVES(AS_ENUM) CLEAR, COUNT};
static const char *const names[] = {PRIMITIVES(AS_NAME) "CLEAR"};
static const char operands[] = {PRIMITIVES(AS_OPERANDS) 1};

typedef struct {
    Loop loop;
    int operands;
} Ufunc;

static int operands_of(npy_int32 primitive, const Ufunc *ufuncs)
{
    return primitive < COUNT ? operands[primitive] : ufuncs[primitive - COUNT].operands;
}

#define LOAD_1 REAL a = v[at[1]];
#define LOAD_2 LOAD_1 REAL b = v[at[2]];
#define LOAD_3 LOAD_2 REAL c = v[at[3]];
#define AS_CASE(NAME, OPERANDS, RESULT) \
    case NAME: \
        for (; at < next; at += 1 + OPERANDS) { \
            REAL r = v[at[0]]; \
            LOAD_##OPERANDS \
            (void)r; \
            v[at[0]] = RESULT; \
        } \
        break;

#define REAL double
#define CALL call_for_doubles
#define RUN run_doubles
#include "scalars_run.h"
#undef REAL
#undef CALL
#undef RUN
#define REAL float
#define CALL call_for_floats
#define RUN run_floats
#include "scalars_run.h"

typedef struct {
    PyObject_HEAD
    PyArrayObject *values;
    npy_intp size;
    PyObject *ufuncs;
    Ufunc *loops;
    int loop_count;
    npy_int32 *code, *end;
} Machine;

/* Finds a ufunc's inner loop for operands and result of one type; says so if there is none. */
static int find_ufunc(PyObject *given, int type, Ufunc *found)
{
    PyUFuncObject *ufunc = (PyUFuncObject *)given;
    int types[] = {type, type, type, type};
    if (PyObject_TypeCheck(given, &PyUFunc_Type) && ufunc->nin <= MOST_OPERANDS && !ufunc->core_enabled)
        *found = (Ufunc){find_loop(ufunc, ufunc->nin + 1, types), ufunc->nin};
    if (!found->loop.function)
        PyErr_Format(PyExc_TypeError, "%R is no ufunc with a loop of one result for the machine's type", given);
    return found->loop.function ? 0 : -1;
}

/* Walks through the program once: every primitive is known, every run is whole, every place lies in the array. */
static int check(const Machine *self)
{
    for (const npy_int32 *at = self->code; at < self->end;) {
        npy_intp left = self->end - at - 2, begins = at - self->code;
        int known = left >= 0 && at[0] >= 0 && at[0] < COUNT + self->loop_count && at[1] >= 0;
        npy_intp places = known ? (npy_intp)at[1] * (1 + operands_of(at[0], self->loops)) : 0;
        if (!known || places > left) {
            PyErr_Format(PyExc_ValueError, "no whole run of known instructions begins at %zd", (Py_ssize_t)begins);
            return -1;
        }
        for (at += 2; places > 0; places--, at++)
            if (*at < 0 || *at >= self->size) {
                PyErr_Format(PyExc_ValueError, "place %d of %zd is at %zd", (int)*at, (Py_ssize_t)self->size,
                             (Py_ssize_t)(at - self->code));
                return -1;
            }
    }
    return 0;
}

static int is_plain(PyArrayObject *array, int type)
{
    return PyArray_TYPE(array) == type && PyArray_NDIM(array) == 1 && PyArray_ISCARRAY_RO(array);
}

static void machine_free(Machine *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    Py_XDECREF((PyObject *)self->values);
    Py_XDECREF(self->ufuncs);
    PyMem_Free(self->code);
    PyMem_Free(self->loops);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF((PyObject *)type);
}

/* Takes over the program and its ufuncs; -1 and an exception if it is wrong. */
static int fill(Machine *self, PyArrayObject *code, int real)
{
    npy_intp length = PyArray_SIZE(code);
    self->code = PyMem_Malloc((length + 1) * sizeof *self->code);
    self->loops = PyMem_Calloc(PyTuple_Size(self->ufuncs) + 1, sizeof *self->loops);
    if (self->code == NULL || self->loops == NULL)
        return PyErr_NoMemory(), -1;
    memcpy(self->code, PyArray_DATA(code), length * sizeof *self->code);  /* its own: nobody changes it once it is checked */
    self->end = self->code + length;
    for (; self->loop_count < PyTuple_Size(self->ufuncs); self->loop_count++)
        if (find_ufunc(PyTuple_GetItem(self->ufuncs, self->loop_count), real, &self->loops[self->loop_count]) < 0)
            return -1;
    return check(self);
}

static PyObject *machine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyArrayObject *code, *values;
    PyObject *ufuncs;
    static char *keywords[] = {"code", "values", "ufuncs", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!", keywords, &PyArray_Type, &code, &PyArray_Type, &values, &PyTuple_Type,
                                     &ufuncs))
        return NULL;
    int real = PyArray_TYPE(values);
    if (!is_plain(code, NPY_INT32) || (real != NPY_DOUBLE && real != NPY_FLOAT) || !is_plain(values, real) ||
        !PyArray_ISWRITEABLE(values)) {
        PyErr_SetString(PyExc_TypeError, "expected code as a vector of int32, and values as a writeable one of float64 or float32");
        return NULL;
    }
    Machine *self = (Machine *)PyType_GenericAlloc(type, 0);
    if (self == NULL)
        return NULL;
    self->values = (PyArrayObject *)Py_NewRef((PyObject *)values), self->size = PyArray_SIZE(values);
    self->ufuncs = Py_NewRef(ufuncs);
    if (fill(self, code, real) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static PyObject *machine_run(Machine *self, PyObject *Py_UNUSED(nothing))
{
    if (PyArray_SIZE(self->values) != self->size)
        return PyErr_SetString(PyExc_ValueError, "the machine's values have been resized"), NULL;
    void *values = PyArray_DATA(self->values);
    int flags;
    Py_BEGIN_ALLOW_THREADS
    flags = PyArray_TYPE(self->values) == NPY_DOUBLE ? run_doubles(self->code, self->end, values, self->loops)
                                                     : run_floats(self->code, self->end, values, self->loops);
    Py_END_ALLOW_THREADS
    feraiseexcept(flags);
    return PyLong_FromLong(PyUFunc_getfperr()); /* in NumPy's bits; it puts the flags down */
}

static PyMethodDef methods[] = {
    {"run", (PyCFunction)machine_run, METH_NOARGS,
     "Run the program once; return the floating-point flags that it raised: 1 divide, 2 over, 4 under, 8 invalid."},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Machine(code, values, ufuncs): a program of instructions on the numbers of one array."},
    {Py_tp_new, machine_new}, {Py_tp_dealloc, machine_free}, {Py_tp_methods, methods}, {0, NULL},
};

static PyType_Spec spec = {"graphnet.native._native.Machine", sizeof(Machine), 0, Py_TPFLAGS_DEFAULT, slots};

int add_scalars(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL), *primitives = PyTuple_New(COUNT);
    for (int i = 0; primitives != NULL && i < COUNT; i++)
        PyTuple_SetItem(primitives, i, Py_BuildValue("(si)", names[i], operands[i]));
    int failed = type == NULL || primitives == NULL || PyModule_AddObjectRef(module, "Machine", type) < 0 ||
                 PyModule_AddObjectRef(module, "PRIMITIVES", primitives) < 0;
    Py_XDECREF(type);
    Py_XDECREF(primitives);
    return failed ? -1 : 0;
}
