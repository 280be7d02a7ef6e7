#include "native.h"

int add_calls(PyObject *module)
{
    (void)module;
    return 0;
}
