//! Programs that start a worker's program and pass nothing on to it.

/// The name of the package manager or launcher that a command starts, if it does: those are Node programs themselves and keep
/// the channel and every other descriptor, so that the worker behind them gets none.
pub fn swallows_channel(command: &[String]) -> Option<&'static str> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    launcher(&words)
}

fn launcher(words: &[&str]) -> Option<&'static str> {
    let (first, rest) = words.split_first()?;
    match file(first) {
        // `sh -c "npm start"`: as far as it can be told without being a shell.
        "sh" | "bash" | "dash" | "ash" | "zsh" => {
            let flag = rest.iter().position(|word| word.starts_with('-') && word.ends_with('c'))?;
            let text = rest.get(flag + 1)?;
            launcher(&text.split_whitespace().skip_while(|word| is_prefix(word)).collect::<Vec<_>>())
        }
        "env" => launcher(&rest.iter().copied().skip_while(|word| is_prefix(word)).collect::<Vec<_>>()),
        // `node --some-flag /usr/bin/npm start`: the script is the first word that is no option.
        "node" | "nodejs" => rest.iter().find(|word| !word.starts_with('-')).and_then(|script| named(script)),
        _ => named(first),
    }
}

/// What may stand before the program: an option, a variable, `exec`.
fn is_prefix(word: &str) -> bool {
    word.starts_with('-') || word.contains('=') || word == "exec"
}

fn named(word: &str) -> Option<&'static str> {
    const LAUNCHERS: [&str; 8] = ["npm", "npx", "yarn", "yarnpkg", "pnpm", "pnpx", "nodemon", "ts-node"];
    let stem = file(word).strip_suffix(".js").or(file(word).strip_suffix(".cjs")).unwrap_or(file(word));
    let stem = stem.strip_suffix("-cli").unwrap_or(stem);
    LAUNCHERS.into_iter().find(|&launcher| launcher == stem)
}

fn file(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_that_swallow_the_channel() {
        let check = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
            swallows_channel(&command)
        };
        for (command, name) in [
            (&["npm", "start"][..], "npm"),
            (&["/usr/local/bin/yarn"], "yarn"),
            (&["node", "--inspect", "/usr/lib/node_modules/npm/bin/npm-cli.js", "start"], "npm"),
            (&["/opt/bin/node", "./node_modules/.bin/pnpm"], "pnpm"),
            (&["sh", "-c", "npm start"], "npm"),
            (&["/bin/bash", "-lc", "PORT=1 exec npx serve"], "npx"),
            (&["env", "-i", "PORT=1", "yarn", "start"], "yarn"),
            (&["env", "sh", "-c", "env A=1 pnpm start"], "pnpm"),
        ] {
            assert_eq!(check(command), Some(name), "{command:?}");
        }
        for fine in [
            &["node", "server.js", "npm"][..],
            &["sh", "-c", "exec node x.js"],
            &["sh", "npm"],
            &["sh", "-c"],
            &["env"],
            &["./npm.sh"],
            &["cat", "npm"],
            &[],
        ] {
            assert_eq!(check(fine), None, "{fine:?}");
        }
    }
}
