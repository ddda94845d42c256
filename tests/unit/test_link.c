#include "link_fixture.h"
int main(void){return 0;}
