use super::common::{Server, easy, workspace};

/// `UPDATE_GOLDEN=1` writes it anew.
#[tokio::test]
async fn the_description_of_the_api_is_the_committed_one() {
    let path = workspace().join("docs/spec/directory.openapi.json");
    let made = pumasi_discovery::server::document();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == made, "docs/spec/directory.openapi.json is not what the code says: UPDATE_GOLDEN=1, and look");
    let served = Server::start(easy()).await.get("/openapi.json").await;
    assert_eq!(String::from_utf8(served.body).unwrap(), made);
    assert!(made.contains("\"openapi\": \"3.1.0\""));
}
