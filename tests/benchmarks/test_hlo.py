"""The facts that benchmarks/ahead reads from the text of a compiled program."""

from benchmarks.ahead.hlo import Program

TEXT = """HloModule jit_f, is_scheduled=true

%fused (a: f32[8,128]) -> f32[8] {
  %a = f32[8,128]{1,0:T(8,128)} parameter(0)
  ROOT %sorted = f32[8]{0} sort(%a), dimensions={0}
}

%body (state: (s32[], f32[8,128])) -> (s32[], f32[8,128]) {
  %state = (s32[], f32[8,128]{1,0}) parameter(0)
  %row = f32[1,128]{1,0} fusion(%state), calls=%other, backend_config={"estimated_cycles":"3000"}
  %kept = f32[8,128]{1,0} copy(%row), backend_config={}
  ROOT %next = (s32[], f32[8,128]{1,0}) tuple(%kept, %kept)
}

%condition (state: (s32[], f32[8,128])) -> pred[] {
  %bound = s32[]{:T(128)} constant(8)
  %state = (s32[], f32[8,128]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  ROOT %less = pred[] compare(%i, %bound), direction=LT, metadata={op_name="lt"}
}

%cheap (x: f32[8]) -> f32[8] {
  ROOT %x = f32[8]{0} parameter(0)
}

%dear (x: f32[8]) -> f32[8] {
  %x = f32[8]{0} parameter(0)
  %start = (f32[8]{0}, f32[64]{0}) all-gather-start(%x), dimensions={0}
  %done = f32[64]{0} all-gather-done(%start)
  ROOT %y = f32[8]{0} fusion(%done), calls=%other, backend_config={"estimated_cycles":"1500"}
}

ENTRY %main (x: f32[8,128], p: pred[]) -> f32[8] {
  %x = f32[8,128]{1,0} parameter(0)
  %p = pred[] parameter(1)
  %top = f32[8]{0} fusion(%x), kind=kCustom, calls=%fused
  %sum = f32[8]{0} all-reduce(%top), to_apply=%add, backend_config={"estimated_cycles":"1500"}
  %loop = (s32[], f32[8,128]{1,0}) while(%x), condition=%condition, body=%body
  ROOT %out = f32[8]{0} conditional(%p, %sum), branch_computations={%cheap, %dear}
}
"""
PROGRAM = Program(TEXT)


def test_kernels():
    assert PROGRAM.kernels() == 2  # the loop and the choice are made of the kernels inside
    assert PROGRAM.all_kernels() == 2 + 2 + 1 + 3
    assert PROGRAM.uncosted() == {"sort": 1}


def test_time_is_that_of_the_cheapest_and_of_the_dearest_branch():
    assert PROGRAM.microseconds() == (1 + 8 * 2, 1 + 8 * 2 + 1)


def test_loops():
    (loop,) = PROGRAM.loops()
    assert loop.trips == 8
    assert loop.sizes == (1, 128, 1024) and loop.copied == (1024,)


def test_collectives():
    assert PROGRAM.collectives() == [("all-reduce", 8, True), ("all-gather", 72, False)]
    assert PROGRAM.types() == {"f32", "s32"}
