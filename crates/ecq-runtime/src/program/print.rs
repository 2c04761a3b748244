//! Programs as text, a step a line.

use super::{BufferId, CacheView, Command, Norm, Operand, Program, Queue, Rows, SlotId, Step, WeightId};
use std::fmt;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (rows, wanted) = (self.capacity(Rows::Batch), self.capacity(Rows::LogitsSelection));
        writeln!(f, "program {}: up to {rows} rows, {wanted} of them with logits", self.name())?;
        for step in self.steps() {
            match step {
                Step::Run(queue, command) => {
                    writeln!(f, "  {:<8} {}", name(*queue), Shown { program: self, command })?;
                }
                Step::Signal(queue, edge) => writeln!(f, "  {:<8} signal e{}", name(*queue), edge.0)?,
                Step::Wait(queue, edge) => writeln!(f, "  {:<8} wait e{}", name(*queue), edge.0)?,
            }
        }
        Ok(())
    }
}

fn name(queue: Queue) -> &'static str {
    match queue {
        Queue::Compute => "compute",
        Queue::Decode => "decode",
    }
}

struct Shown<'a> {
    program: &'a Program,
    command: &'a Command,
}

impl Shown<'_> {
    fn buffer(&self, id: BufferId) -> &str {
        &self.program.layout().buffers[id.0 as usize].name
    }

    fn cache(&self, view: CacheView) -> String {
        let buffer = &self.program.layout().buffers[view.data.0 as usize];
        format!("{}:{}", buffer.name, buffer.element)
    }

    fn weight(&self, id: WeightId) -> &str {
        &self.program.layout().weights[id.0 as usize].name
    }

    fn slot(&self, id: SlotId) -> &str {
        &self.program.layout().slots[id.0 as usize].name
    }

    fn norm(&self, norm: Norm) -> String {
        match norm {
            Norm::Rms { weight, eps } => format!("rms_norm({}, eps {eps})", self.buffer(weight)),
            Norm::Layer { weight, eps, .. } => format!("layer_norm({}, eps {eps})", self.buffer(weight)),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = |id: BufferId| self.buffer(id);
        match *self.command {
            Command::Embed { table, index, scale, add, y } => {
                let (op, table) = (if add { "+=" } else { "=" }, self.weight(table));
                write!(f, "{} {op} {table}[{}] * {scale}", name(y), name(index))
            }
            Command::Norm { norm, heads, x, y, .. } => {
                let each = if heads == 1 { String::new() } else { format!(" of each of {heads} heads") };
                write!(f, "{} = {} of {}{each}", name(y), self.norm(norm), name(x))
            }
            Command::Linear { x, ref outputs, .. } => {
                for (i, output) in outputs.iter().enumerate() {
                    if i > 0 {
                        write!(f, "; ")?;
                    }
                    let [rows, _] = self.program.layout().weights[output.operand.weight().0 as usize].shape;
                    write!(f, "{} = {} x {}", name(output.y), name(x), self.weight(output.operand.weight()))?;
                    if output.range != (0..rows) {
                        write!(f, "[{}..{}]", output.range.start, output.range.end)?;
                    }
                    if let Operand::Slot(slot, _) = output.operand {
                        write!(f, " in {}", self.slot(slot))?;
                    }
                    if let Some(bias) = output.bias {
                        write!(f, " + {}", name(bias))?;
                    }
                    write!(f, " ({})", output.consumption)?;
                }
                Ok(())
            }
            Command::RotaryAngles { positions, frequencies, scale, table, .. } => {
                write!(f, "{} = angles of {} x {} * {scale}", name(table), name(positions), name(frequencies))
            }
            Command::Rotate { x, heads, table, pairs, .. } => {
                write!(f, "{} = {heads} heads rotated by {}, {pairs:?}", name(x), name(table))
            }
            Command::Append { x, positions, tables, cache, .. } => {
                let (to, tables) = (self.cache(cache), name(tables.tables));
                write!(f, "{to}[{tables}, {}] = {}", name(positions), name(x))
            }
            Command::Attention(ref a) => {
                let (keys, values, tables) =
                    (self.cache(a.keys), self.cache(a.values), name(a.tables.tables));
                write!(
                    f,
                    "{} = attention of {} over {keys}, {values} by {tables}",
                    name(a.y),
                    name(a.queries)
                )?;
                write!(f, ", {} heads on {}", a.heads, a.kv_heads)?;
                a.window.map_or(Ok(()), |window| write!(f, ", window {window}"))
            }
            Command::Activate { activation, x, up, .. } => {
                write!(f, "{} = {activation:?}({})", name(x), name(x))?;
                up.map_or(Ok(()), |up| write!(f, " * {}", name(up)))
            }
            Command::Route { logits, experts, routing, choices, weights } => {
                let (choices, weights, top_k) = (name(choices), name(weights), routing.top_k);
                write!(f, "{choices}, {weights} = {top_k} of {experts} experts by {}", name(logits))
            }
            Command::Experts(ref e) => {
                let first = e.experts.first().map_or("?", |expert| self.weight(expert.up));
                let (y, x, choices) = (name(e.y), name(e.x), name(e.choices));
                write!(f, "{y} = {choices} of {} experts ({first} ...) of {x}", e.experts.len())?;
                match e.slots.len() {
                    0 => Ok(()),
                    sets => write!(f, ", decoded into {sets} sets of slots"),
                }
            }
            Command::Add { x, scale: 1.0, y, .. } => write!(f, "{} += {}", name(y), name(x)),
            Command::Add { x, scale, y, .. } => write!(f, "{} += {scale} * {}", name(y), name(x)),
            Command::Gather { x, index, y, .. } => write!(f, "{} = {}[{}]", name(y), name(x), name(index)),
            Command::Argmax { logits, y, .. } => write!(f, "{} = argmax of {}", name(y), name(logits)),
            Command::Sample { logits, draws, y, .. } => {
                write!(f, "{} = drawn from {} by {}", name(y), name(logits), name(draws))
            }
            Command::Advance { chosen, index, tokens, positions, .. } => {
                let index = name(index);
                write!(f, "{}[{index}] = {}; {}[{index}] += 1", name(tokens), name(chosen), name(positions))
            }
            Command::CopyBlocks { pairs, cache, .. } => {
                write!(f, "blocks of {} copied by {}", self.cache(cache), name(pairs))
            }
            Command::Decode { weight, into } => {
                write!(f, "{} = {} decoded", self.slot(into), self.weight(weight))
            }
        }
    }
}
