/* What the files of the extension share. module.c alone imports NumPy's tables; the others use them. */
#ifndef GRAPHNET_NATIVE_H
#define GRAPHNET_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define PY_ARRAY_UNIQUE_SYMBOL graphnet_ARRAY_API
#define PY_UFUNC_UNIQUE_SYMBOL graphnet_UFUNC_API
#ifndef GRAPHNET_MODULE
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

/* An inner loop of a ufunc. */
typedef struct {
    PyUFuncGenericFunction function;
    void *data;
} Loop;

/* Find the loop of a ufunc of one result for these types of its operands and its result, exactly; of no function if there is none. */
Loop find_loop(const PyUFuncObject *ufunc, int count, const int *types);

/* Each adds its types and functions to the module; -1 and an exception where that fails. */
int add_calls(PyObject *module);
int add_scalars(PyObject *module);

#endif
