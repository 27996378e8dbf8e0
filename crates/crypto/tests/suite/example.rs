/// The text of the fenced block whose info string is a language and this name.
pub(crate) fn example(page: &'static str, name: &str) -> &'static str {
    let block = page.split("\n```").skip(1).step_by(2).find_map(|block| {
        let (info, text) = block.split_once('\n')?;
        (info.split(' ').nth(1) == Some(name)).then_some(text)
    });
    block.unwrap_or_else(|| panic!("the page has no example {name}"))
}
