//! Times of programs, by timestamps of the GPU where it has them.

use crate::backend::Wgpu;
use crate::dispatch::Encoded;
use crate::error::{Result as WgpuResult, WgpuError};
use crate::program::{Segment, WgpuProgram};
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{Backend, Compiled, Inputs};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Passes of which the median counts.
const PASSES: usize = 15;
/// Work before the first of them: GPUs lower their clocks when they are idle (an H100 to a sixth) and raise
/// them only after a while.
const WARM_UP: Duration = Duration::from_millis(1000);

impl Wgpu {
    /// Returns the median seconds of a program: from the start of its first kernel to the end of its last one
    /// by timestamps, or, without them, from its submission to its end by the clock. Kernels whose names
    /// `keep` refuses are left out; the program runs once with all of them, so that the others find their
    /// inputs.
    ///
    /// # Errors
    /// If the program belongs to another backend, fails, or the host takes part in it.
    pub fn measure_program(
        &self,
        program: &Compiled,
        inputs: &Inputs,
        keep: impl Fn(&str) -> bool,
    ) -> Result<f64> {
        let run = || self.wait(&self.submit(program, inputs)?);
        run()?;
        let foreign = || RuntimeError::Binding("a program of another backend".to_owned());
        let own = program.inner::<WgpuProgram>().ok_or_else(foreign)?;
        let begun = Instant::now();
        while begun.elapsed() < WARM_UP {
            self.pass(&own, &keep)?;
        }
        let mut all = Vec::new();
        for _ in 0..PASSES {
            all.push(self.pass(&own, &keep)?);
        }
        // Bad streams and other findings of kernels.
        run()?;
        all.sort_by(f64::total_cmp);
        Ok(all[PASSES / 2])
    }

    /// Returns the seconds of one pass.
    fn pass(&self, program: &WgpuProgram, keep: &dyn Fn(&str) -> bool) -> Result<f64> {
        let gpu = self.gpu();
        let queries = gpu.report().timestamps.then(|| {
            gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            })
        });
        let passes = program.segments.iter().filter(|segment| matches!(segment, Segment::Pass(_))).count();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut number = 0;
        for segment in &program.segments {
            match segment {
                Segment::Clear(buffer) => encoder.clear_buffer(buffer, 0, None),
                Segment::Experts(_) => {
                    let why = "the host takes part in the program, whose time is not that of the GPU";
                    return Err(WgpuError::Driver(why.to_owned()).into());
                }
                Segment::Pass(dispatches) => {
                    let writes = queries.as_ref().map(|query_set| wgpu::ComputePassTimestampWrites {
                        query_set,
                        beginning_of_pass_write_index: (number == 0).then_some(0),
                        end_of_pass_write_index: (number + 1 == passes).then_some(1),
                    });
                    number += 1;
                    // A pass between the first and the last one writes no time.
                    let timestamp_writes = writes.filter(|writes| {
                        writes.beginning_of_pass_write_index.is_some()
                            || writes.end_of_pass_write_index.is_some()
                    });
                    let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
                    let mut pass = encoder.begin_compute_pass(&descriptor);
                    let kept = dispatches.iter().filter(|dispatch: &&Encoded| keep(dispatch.name));
                    kept.for_each(|dispatch| dispatch.run(&mut pass));
                }
            }
        }
        let start = Instant::now();
        let Some(queries) = queries else {
            let index = gpu.queue.submit([encoder.finish()]);
            gpu.wait(Some(index))?;
            return Ok(start.elapsed().as_secs_f64());
        };
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = gpu.allocate(16, usage)?;
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        gpu.queue.submit([encoder.finish()]);
        let reading = gpu.start_read(&resolved, 0, 16)?;
        let times: WgpuResult<Vec<u64>> = gpu.finish_read(reading, bytemuck::pod_collect_to_vec::<u8, u64>);
        let times = times?;
        let ticks = times[1].saturating_sub(times[0]);
        Ok(ticks as f64 * f64::from(gpu.queue.get_timestamp_period()) * 1e-9)
    }
}
