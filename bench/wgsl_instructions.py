#!/usr/bin/env python3
"""Counts the instructions of a weight in WGSL kernels, as Mesa's compiler for AMD GPUs makes them; no GPU.

    apt-get install mesa-vulkan-drivers libvulkan1; pip install vulkan
    ECQ_WRITE_SPIRV=FOLDER cargo test -p ecq-wgpu --test translation spir
    python3 bench/wgsl_instructions.py FOLDER             # the table of docs/roofline.md
    python3 bench/wgsl_instructions.py FOLDER --blocks prefix_product     # basic blocks, to group them anew

RADV compiles for a GPU that is not there (RADV_FORCE_FAMILY). `navi21` has an instruction for dot products
of four bytes, as NVIDIA's GPUs have; `navi10` has none, as Apple's, so that each byte is extracted and
multiplied.
"""
import os
import re
import subprocess
import sys

# Kernel, entry point, rows of activations (or times of the matrix), and groups of basic blocks, found by
# groups_of, by how many weights they run for: {weights: group}. What runs once for an eighth of a row (the
# end of a range), for outliers or for escapes of prefix codes is left out. A test of 32 or 64 lanes passes if
# one lane does, so that both sides of a branch between lanes are counted.
KERNELS = [
    ("product_uniform_3", "product", 1, {32: "loop"}),
    ("product_uniform_3_values", "product", 1, {32: "loop"}),
    ("product_affine_4", "product", 1, {32: "loop"}),
    ("product_affine_4_values", "product", 1, {32: "loop"}),
    ("product_uniform_8", "product", 1, {32: "loop"}),
    ("product_uniform_3_8_rows", "product", 8, {32: "loop"}),
    ("product_f16", "product", 1, {1: "inner"}),
    # A thread has two rows of the matrix, and 4 or 2 rows of activations.
    ("tiled_product_bytes_4_rows", "tiled_product", 8, {32: "tile"}),
    ("tiled_product_floats_uniform_3", "tiled_product", 4, {32: "tile"}),
    # Three groups of four codewords for three weights each.
    ("tuple_product_3", "tuple_product", 1, {36: "loop"}),
    ("tuple_product_3_trellis", "tuple_product", 1, {36: "loop"}),
    ("tuple_product_3_values", "tuple_product", 1, {36: "loop"}),
    # A tuple of three weights, batches of four tuples.
    ("prefix_product", "decode_prefix", 1, {3: "inner", 12: "words", 4: "quad", 32: "dots"}),
    ("prefix_words", "decode_prefix", 1, {3: "inner", 12: "words", 4: "quad", 32: "dots"}),
    # Eight columns; the window of 32 lanes moves after 14 columns at 2.25 bits.
    ("rans_subgroups_product", "decode_rans", 1, {8: "inner", 14: "words", 32: "dots"}),
    ("rans_subgroups_words", "decode_rans", 1, {8: "inner", 14: "words", 32: "dots"}),
]
WAITS = r"s_(waitcnt|nop|clause|inst_prefetch|code_end|waitcnt_depctr|waitcnt_vscnt)"


def compile_one(spirv, entry):
    """Compiles a module in this process; the driver prints what it makes."""
    import vulkan as vk

    code = open(spirv, "rb").read()
    version = vk.VkApplicationInfo(apiVersion=vk.VK_MAKE_VERSION(1, 2, 0))
    instance = vk.vkCreateInstance(vk.VkInstanceCreateInfo(pApplicationInfo=version), None)
    all_gpus = vk.vkEnumeratePhysicalDevices(instance)
    gpu = next(gpu for gpu in all_gpus if "RADV" in vk.vkGetPhysicalDeviceProperties(gpu).deviceName)
    queue = vk.VkDeviceQueueCreateInfo(queueFamilyIndex=0, queueCount=1, pQueuePriorities=[1.0])
    device = vk.VkDeviceCreateInfo(pQueueCreateInfos=[queue], queueCreateInfoCount=1)
    device = vk.vkCreateDevice(gpu, device, None)
    kinds = [vk.VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER] * 2 + [vk.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER] * 10
    bindings = [
        vk.VkDescriptorSetLayoutBinding(
            binding=i, descriptorType=kind, descriptorCount=1, stageFlags=vk.VK_SHADER_STAGE_COMPUTE_BIT
        )
        for i, kind in enumerate(kinds)
    ]
    create = vk.vkCreateDescriptorSetLayout
    layout = create(device, vk.VkDescriptorSetLayoutCreateInfo(pBindings=bindings), None)
    layout = vk.vkCreatePipelineLayout(device, vk.VkPipelineLayoutCreateInfo(pSetLayouts=[layout]), None)
    module = vk.VkShaderModuleCreateInfo(codeSize=len(code), pCode=code)
    module = vk.vkCreateShaderModule(device, module, None)
    stage = vk.VkPipelineShaderStageCreateInfo(
        stage=vk.VK_SHADER_STAGE_COMPUTE_BIT, module=module, pName=entry
    )
    pipeline = vk.VkComputePipelineCreateInfo(stage=stage, layout=layout)
    vk.vkCreateComputePipelines(device, None, 1, [pipeline], None)


def blocks_of(folder, kernel, entry, family):
    """Returns the basic blocks of a kernel: number and instructions with operands."""
    settings = {"RADV_FORCE_FAMILY": family, "RADV_DEBUG": "shaders,nocache"}
    command = [sys.executable, __file__, "--compile", f"{folder}/{kernel}.spv", entry]
    said = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    if said.returncode or "disasm:" not in said.stderr:
        sys.exit(f"{kernel} does not compile: {said.stderr[-400:]}")
    blocks = []
    for line in said.stderr.rsplit("disasm:", 1)[1].splitlines():
        if name := re.match(r"BB(\d+):", line):
            blocks.append((int(name[1]), []))
        elif blocks and (found := re.match(r"\s+([a-z]\w+)\s*([^;]*)", line)):
            blocks[-1][1].append((found[1], found[2].strip()))
    return blocks


def count(instructions):
    """Returns numbers of instructions: vector and memory; multiplications of integers among them; all."""
    names = [name for name, _ in instructions]
    vector = sum(name.startswith(("v_", "buffer_", "global_", "ds_")) for name in names)
    products = sum(bool(re.match(r"v_(mul_lo|mul_hi|mad_u64)", name)) for name in names)
    every = sum(not re.match(WAITS, name) for name in names)
    return [vector, products, every]


def loops_of(blocks):
    """Returns (header, last block) of each loop, short ones first: a branch back ends a loop."""
    back = {}
    for number, instructions in blocks:
        for name, target in instructions:
            header = re.fullmatch(r"BB(\d+)", target)
            if "branch" in name and header and int(header[1]) <= number:
                back[int(header[1])] = max(number, back.get(int(header[1]), 0))
    return sorted(back.items(), key=lambda loop: loop[1] - loop[0])


def groups_of(blocks, kernel):
    """Returns the numbers of the blocks of each group; see KERNELS."""
    numbers = [number for number, _ in blocks]
    products = {n: sum("dot" in name or "mul_lo" in name for name, _ in ins) for n, ins in blocks}
    inside = lambda loop: [n for n in numbers if loop[0] <= n <= loop[1]]
    loops = loops_of(blocks)
    if kernel.startswith("tiled"):
        # The loop with barriers: fetching and multiplying a block. Most threads fetch digits, once or twice.
        barriers = lambda loop: [n for n in inside(loop) if any(i[0] == "s_barrier" for i in dict(blocks)[n])]
        return {"tile": inside(next(loop for loop in loops if len(barriers(loop)) > 1))}
    if kernel.startswith(("product", "tuple_product")):
        most = lambda loop: max(products[number] for number in inside(loop))
        inner = next(loop for loop in loops if kernel.endswith("f16") or most(loop) >= 16)
        return {"loop": inside(inner), "inner": inside(inner)}
    # The block of most products, or of most stores, ends 32 columns, in a loop for the end of a row. The loop
    # around it is that of tuples or steps, in one of batches or windows.
    stores = {n: sum(name == "buffer_store_dword" for name, _ in ins) for n, ins in blocks}
    dots = max(numbers, key=products.get if kernel.endswith("product") else stores.get)
    around = [inside(loop) for loop in loops if loop[0] <= dots <= loop[1]]
    ends, tuples, batches = around[:3]
    inner = [n for n in tuples if n not in ends]
    loads = {n: sum(name.startswith("buffer_load") for name, _ in ins) for n, ins in blocks}
    if kernel.startswith("rans"):
        nested = [inside(loop) for loop in loops if set(inside(loop)) < set(tuples)]
        inner = [n for n in tuples if not any(n in loop for loop in nested)]
        words = [n for n in inner if loads[n]][:1]
        return {"dots": [dots], "words": words, "inner": [n for n in inner if not loads[n]]}
    shared = {n: any(name.startswith("ds_") for name, _ in ins) for n, ins in blocks}
    # Four elements end in the longest block without memory. Escapes, which load a window, are left out.
    quad = max((n for n in inner if not loads[n] and not shared[n]), key=lambda n: len(dict(blocks)[n]))
    words = [n for n in inner if 0 < loads[n] < 3] + [n for n in batches if n not in tuples]
    inner = [n for n in inner if n != quad and not loads[n]]
    return {"dots": [dots], "quad": [quad], "words": words, "inner": inner}


def main():
    if sys.argv[1] == "--compile":
        return compile_one(*sys.argv[2:])
    folder = sys.argv[1]
    if "--blocks" in sys.argv:
        kernel = sys.argv[-1]
        entry = next(entry for name, entry, *_ in KERNELS if name == kernel)
        for number, instructions in blocks_of(folder, kernel, entry, "navi10"):
            jumps = [target for name, target in instructions if "branch" in name]
            print(number, *count(instructions), *jumps)
        return None
    print("| kernel | GPU | vector and memory | products of integers among them | all |")
    print("|---|---|---|---|---|")
    for kernel, entry, rows, weights in KERNELS:
        for family in ["navi10", "navi21"]:
            blocks = dict(blocks_of(folder, kernel, entry, family))
            groups = groups_of(list(blocks.items()), kernel)
            total = [0.0] * 3
            for per, group in weights.items():
                for number in groups[group]:
                    total = [t + n / per / rows for t, n in zip(total, count(blocks[number]))]
            print(f"| {kernel} | {family} | " + " | ".join(f"{n:.2f}" for n in total) + " |")
    return None


if __name__ == "__main__":
    main()
