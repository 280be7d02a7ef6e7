/* The module graphnet.native._native: a program of NumPy's own inner loops (calls.c), a machine for graphs of scalars (scalars.c). */
#define GRAPHNET_MODULE
#include "native.h"

Loop find_loop(const PyUFuncObject *ufunc, int count, const int *types)
{
    for (int i = 0; ufunc->nout == 1 && ufunc->nargs == count && i < ufunc->ntypes; i++) {
        int same = 0;
        while (same < count && ufunc->types[i * count + same] == types[same])
            same++;
        if (same == count)
            return (Loop){ufunc->functions[i], ufunc->data ? (void *)ufunc->data[i] : NULL};
    }
    return (Loop){NULL, NULL};
}

static int fill(PyObject *module)
{
    import_array1(-1);
    import_umath1(-1);
    return add_calls(module) < 0 || add_scalars(module) < 0 ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "graphnet.native._native", .m_doc = "Programs without Python between their calls.", .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
